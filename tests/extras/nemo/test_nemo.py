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
from processors.hearing.worker.nemo import load
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
    expected = [transcribe(noise(1.5, seed).pcm.tobytes()) for seed in range(3)]
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


async def test_a_file_that_is_no_model_is_refused_at_start(tmp_path: Path):
    broken = tmp_path / "broken.nemo"
    broken.write_bytes(TINY.read_bytes()[:100_000])
    engine = await started(broken)
    with pytest.raises(EngineError, match="PARAKEET_NEMO_MODEL"):
        await engine.start()
    await engine.close()
