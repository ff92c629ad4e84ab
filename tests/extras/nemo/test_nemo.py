"""NeMo itself in its worker process, on a FastConformer-TDT of 56,000 random parameters."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from processors.errors import EngineError
from processors.hearing.engines import Segment
from processors.hearing.settings import ParakeetSettings
from processors.hearing.worker.client import WorkerStt, nemo_stt
from processors.hearing.worker.nemo import ChunkedTranscriber, in_chunks, load, whole
from processors.words import words_of
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s

pytest.importorskip("nemo.collections.asr")

TINY = Path(__file__).parents[2] / "fixtures" / "tiny.nemo"
pytestmark = pytest.mark.timeout(400)


def noise(seconds: float, seed: int) -> Segment:
    pcm = np.random.default_rng(seed).normal(0, 3000, int(16000 * seconds)).astype(np.int16)
    return Segment("alice", 1, pcm)


async def started(model: Path) -> WorkerStt:
    return nemo_stt(ParakeetSettings(nemo_model=str(model), device="cpu"))


@pytest.fixture
async def stt() -> AsyncIterator[WorkerStt]:
    engine = await started(TINY)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


async def test_the_worker_gives_what_nemo_gives_here_and_survives_a_cancel_and_a_crash(stt: WorkerStt):
    _, transcribe = await asyncio.to_thread(load, str(TINY), "cpu")
    expected = [transcribe(f"{seed}", noise(1.5, seed).pcm.tobytes()) for seed in range(3)]
    assert any(expected)
    assert [await stt.transcribe(noise(1.5, seed)) for seed in range(3)] == expected
    assert await asyncio.gather(*(stt.transcribe(noise(1.5, seed)) for seed in range(3))) == expected

    assert await cancel_s(stt.transcribe(noise(20, 9)), asyncio.sleep(0.02)) < CANCEL_BUDGET_S
    assert await stt.transcribe(noise(1.5, 1)) == expected[1]

    assert stt._process is not None
    stt._process.kill()
    with pytest.raises(EngineError) as died:
        while True:
            await stt.transcribe(noise(1.5, 1))
    assert died.value.retryable
    async with asyncio.timeout(200):
        await stt._up.wait()
    assert await stt.transcribe(noise(1.5, 2)) == expected[2]


def restored():
    """The tiny model as the worker has it: nothing random between two looks at the same sound."""
    from nemo.collections.asr.models import ASRModel

    tiny = ASRModel.restore_from(str(TINY), map_location="cpu").eval()
    tiny.preprocessor.featurizer.dither, tiny.preprocessor.featurizer.pad_to = 0.0, 0
    return tiny


@pytest.fixture(scope="module")
def model():
    return restored()


def test_short_speech_is_decoded_as_nemo_itself_decodes_it(model):
    # A model of its own: `transcribe` leaves its model in training mode.
    transcribe, itself = in_chunks(ChunkedTranscriber(model)), whole(restored())
    for seconds in (0.3, 1.5, 3.8):
        sound = noise(seconds, 5).pcm.tobytes()
        assert transcribe(f"{seconds}", sound) == itself("", sound)


def test_speech_that_grows_says_the_same_as_if_it_came_at_once_and_only_its_end_is_decoded_again(model):
    chunked = ChunkedTranscriber(model)
    step = chunked._frame
    chunked._left, chunked._chunk, chunked._right = 10 * step, 4 * step, 4 * step
    heard: list[int] = []
    hook = model.register_forward_pre_hook(
        lambda _, args, named: heard.append(named["input_signal"].shape[1]), with_kwargs=True
    )
    sound = np.multiply(noise(5, 6).pcm, 1 / 32768, dtype=np.float32)
    for samples in range(16000, len(sound), 10_000):
        grown = chunked.transcribe("ann/1/0", sound[:samples])
    assert len(heard) > 8
    assert max(heard) <= 18 * step, "the left context, what is not settled, the right context"
    assert grown == chunked.transcribe("ann/2/0", sound[:samples])
    heard.clear()
    assert len(chunked.transcribe("ann/1/0", sound[:samples])) == len(grown)
    assert len(heard) == 1, "of what was heard before only the end is decoded again"
    hook.remove()


def test_the_times_of_words_are_the_same_in_chunks_as_at_once_and_those_nemo_has(model):
    chunked = ChunkedTranscriber(model)
    step = chunked._frame
    sound = np.multiply(noise(5, 6).pcm, 1 / 32768, dtype=np.float32)
    chunked._left, chunked._chunk, chunked._right = 100 * step, 20 * step, 100 * step
    at_once = chunked.transcribe("ann/1/0", sound)
    words = words_of(at_once)
    assert [word.text for word in words] == at_once.split()
    assert words[-1].start_ms > 2500

    chunked._right = 10 * step
    for samples in range(16000, len(sound) + 1, 16000):
        grown = chunked.transcribe("ann/2/0", sound[:samples])
    # Judged with less of what follows, some are others; none lies before what is settled, or twice.
    times = [word.start_ms for word in words_of(grown)]
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(words[-1].start_ms, abs=500)

    itself = restored().transcribe([sound], batch_size=1, num_workers=0, verbose=False, return_hypotheses=True)[0]
    starts_ms = (
        [int(at) * step / 16 for at in itself.timestamp["timestep"]]
        if isinstance(itself.timestamp, dict)
        else [int(at) * step / 16 for at in itself.timestamp]
    )
    assert {word.start_ms for word in words} <= set(starts_ms)


def test_other_sound_under_the_same_name_begins_anew(model):
    chunked = ChunkedTranscriber(model)
    one, other = (np.multiply(noise(4.5, seed).pcm, 1 / 32768, dtype=np.float32) for seed in (7, 8))
    chunked.transcribe("ann/1/0", one)
    assert chunked.transcribe("ann/1/0", other) == chunked.transcribe("fresh", other)
    for number in range(20):
        chunked.transcribe(f"ann/{number}/0", one[:3200])
    assert len(chunked._growing) == 16


@pytest.mark.parametrize("kept", [100_000, 0, None])
async def test_a_file_that_is_no_model_or_none_at_all_is_refused_at_start(tmp_path: Path, kept: int | None):
    broken = tmp_path / "broken.nemo"
    if kept is not None:
        broken.write_bytes(TINY.read_bytes()[:kept])
    engine = await started(broken)
    with pytest.raises(EngineError, match="PARAKEET_NEMO_MODEL") as failed:
        await engine.start()
    assert kept is not None or f"there is no file {broken}" in str(failed.value)
    await engine.close()
