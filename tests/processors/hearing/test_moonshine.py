"""The embedded speech-to-text engine: its lane, its drafts, its errors."""

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.engines import model_store
from pipeline.settings import load_settings
from processors.errors import EngineError
from processors.hearing.engines import Segment
from processors.hearing.moonshine import MODEL, MoonshineStt
from processors.hearing.moonshine_model import Written
from tests.sounds import cut, silence


@pytest.fixture
async def stt() -> AsyncIterator[MoonshineStt]:
    engine = MoonshineStt(model_store(load_settings(environ={})))
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
def broken(tmp_path: Path) -> MoonshineStt:
    """An engine whose decoder's file is cut short."""
    folder = model_store(load_settings(environ={})).resolve(MODEL).folder
    for file in folder.iterdir():
        shutil.copy(file, tmp_path)
    decoder = tmp_path / "decoder_model_merged.ort"
    decoder.write_bytes(decoder.read_bytes()[:1000])
    return MoonshineStt(SimpleNamespace(resolve=lambda name: SimpleNamespace(folder=tmp_path)))  # type: ignore[arg-type]


def spoken(text: str) -> str:
    """A transcript without what is not heard."""
    return re.sub(r"[^a-z0-9' ]", "", text.lower())


def times(to_s: float, **segment) -> Segment:
    return Segment(**{"speaker": "ann", "utterance": 1, "pcm": cut("two_cities", 0, to_s), **segment})


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("\"'Can you tell me a story?'", "Can you tell me a story?"),
        ("“Not now,” she said. ‘Why?’", "Not now, she said. Why?"),
        ("I went an' fetched the dogs' bowl, didn't I?", "I went an' fetched the dogs' bowl, didn't I?"),
    ],
)
async def test_nobody_says_quotation_marks(
    stt: MoonshineStt, monkeypatch: pytest.MonkeyPatch, written: str, said: str
) -> None:
    assert stt.model
    monkeypatch.setattr(stt.model, "write", lambda heard, draft, stop: Written((1,), (1,), written, None))
    assert await stt.transcribe(times(1)) == said


async def test_a_growing_utterance_is_written_from_where_it_was(stt: MoonshineStt, monkeypatch: pytest.MonkeyPatch):
    drafts = []
    assert stt.model
    real = stt.model.write
    monkeypatch.setattr(
        stt.model, "write", lambda heard, draft, stop: drafts.append(draft) or real(heard, draft, stop=stop)
    )
    await stt.transcribe(times(4))
    first = stt.draft(times(4))
    text = await stt.transcribe(times(5))
    assert spoken(text) == "it was the best of times it was the worst of times"
    assert drafts == [(), first]
    assert first
    assert stt.draft(times(5)) != first


async def test_a_draft_is_for_its_own_speaker_utterance_and_part(stt: MoonshineStt):
    await stt.transcribe(times(3))
    for other in (times(3, speaker="bob"), times(3, utterance=2), times(3, part=1)):
        assert stt.draft(other) == ()
    await stt.transcribe(times(3, part=1))
    assert stt.draft(times(3)) == (), "the part before is over"
    assert stt.draft(times(3, part=1))


async def test_words_are_those_of_all_that_was_spoken_or_none(stt: MoonshineStt):
    assert stt.words(times(5), 0) is None
    await stt.transcribe(times(4))
    samples = len(times(4).pcm)
    tokens = stt.draft(times(4))
    for later in (times(4), times(5)):
        words = stt.words(later, samples)
        assert words
        assert words == tokens[: len(words)]
        assert len(words) < len(tokens), "without the comma"
        assert stt.words(later, samples + 1) is None, "something was said since"
    assert stt.words(times(4, speaker="bob"), 0) is None


async def test_words_of_a_transcript_that_was_stopped_are_not_all(stt: MoonshineStt, monkeypatch: pytest.MonkeyPatch):
    loop = asyncio.get_running_loop()

    def stopped(heard, draft, stop):
        loop.call_soon_threadsafe(asking.cancel)
        while not stop():
            time.sleep(0.001)
        return Written((1, 2), (1,), "It", None)

    with monkeypatch.context() as patched:
        patched.setattr(stt.model, "write", stopped)
        asking = asyncio.create_task(stt.transcribe(times(4)))
        with pytest.raises(asyncio.CancelledError):
            await asking
        # One thread does both: when it has done this, it is through with that.
        await stt._lane.run(lambda job: None)
    assert stt.draft(times(4)) == (1, 2)
    assert stt.words(times(4), 1) is None


async def test_drafts_are_few_and_gone_when_it_closes(stt: MoonshineStt):
    for number in range(17):
        await stt.transcribe(times(1.6, speaker=f"speaker {number}"))
    assert stt.draft(times(1, speaker="speaker 0")) == ()
    assert all(stt.draft(times(1, speaker=f"speaker {number}")) for number in range(1, 17))
    await stt.close()
    assert stt.draft(times(1, speaker="speaker 16")) == ()
    assert stt.model is None


async def test_less_than_a_fifth_of_a_second_is_nothing(stt: MoonshineStt):
    assert await stt.transcribe(Segment("ann", 1, cut("two_cities", 1, 1.199))) == ""
    assert await stt.transcribe(Segment("ann", 1, silence(0.2))) == "You", "the shortest that is listened to"


async def test_a_failure_names_the_engine_and_may_be_tried_again(stt: MoonshineStt, monkeypatch: pytest.MonkeyPatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(stt.model, "write", fail)
        with pytest.raises(EngineError, match="Moonshine failed: no memory") as raised:
            await stt.transcribe(times(2))
    assert raised.value.retryable
    assert await stt.transcribe(times(2))


async def test_files_that_are_not_whole_stop_the_start(broken: MoonshineStt):
    with pytest.raises(EngineError, match="STT_ENGINE=moonshine"):
        await broken.start()
    assert broken.model is None
    with pytest.raises(EngineError, match="not loaded"):
        await broken.transcribe(times(2))
    await broken.close()
