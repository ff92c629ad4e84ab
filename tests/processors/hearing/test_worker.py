"""The worker process and our side of it, with a worker that counts samples instead of hearing."""

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from loguru import logger

from processors.errors import EngineError
from processors.hearing.engines import Segment, make_stt
from processors.hearing.settings import HearingSettings, ParakeetSettings
from processors.hearing.worker.client import WorkerStt, nemo_stt
from processors.models import ModelStore
from processors.words import Word, words_of
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s

ROOT = Path(__file__).parents[3]
WORKER = """
import os, sys, time
sys.path.insert(0, {root!r})
from processors.hearing.worker.loop import serve
from processors.words import Transcript, Word

def transcribe(stream, sound):
    samples = len(sound) // 2
    print("a library that talks")
    if samples == 6666:
        os._exit(9)
    if samples == 7777:
        raise ValueError("too odd")
    if samples == 8888:
        time.sleep(0.3)
    if samples == 4444:
        return Transcript("four fours", [Word("four", 0, 80.5), Word("fours", 80.5, 240)])
    return f" {{samples}} of {{stream}} " if samples == 5555 else f" {{samples}} "

def load():
    print("loading")
    if len(sys.argv) > 1:
        raise RuntimeError(sys.argv[1])
    return "counter", transcribe

sys.exit(serve(load))
"""


def sound(samples: int) -> Segment:
    return Segment("alice", 1, np.zeros(samples, np.int16))


def worker(tmp_path: Path, *arguments: str, start_s: float = 20.0) -> WorkerStt:
    script = tmp_path / "worker.py"
    script.write_text(WORKER.format(root=str(ROOT)))
    return WorkerStt((sys.executable, str(script), *arguments), name="counter", remedy="mend it", start_s=start_s)


@pytest.fixture
async def stt(tmp_path: Path) -> AsyncIterator[WorkerStt]:
    engine = worker(tmp_path)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


async def test_every_caller_gets_the_answer_to_its_own_sound(stt: WorkerStt):
    lengths = [4000 + n for n in range(20)]
    texts = await asyncio.gather(*(stt.transcribe(sound(n)) for n in lengths))
    assert [text.strip() for text in texts] == [str(n) for n in lengths]


async def test_what_is_too_short_is_not_asked(stt: WorkerStt):
    assert await stt.transcribe(sound(3199)) == ""


async def test_the_worker_is_told_which_utterance_grows(stt: WorkerStt):
    growing = Segment("alice", 3, np.zeros(5555, np.int16), part=2)
    assert (await stt.transcribe(growing)).strip() == "5555 of alice/3/2"


async def test_the_times_of_words_come_over(stt: WorkerStt):
    said = await stt.transcribe(sound(4444))
    assert said == "four fours"
    assert words_of(said) == (Word("four", 0, 80.5), Word("fours", 80.5, 240))
    assert words_of(await stt.transcribe(sound(4445))) == ()


async def test_a_failure_is_one_callers_own(stt: WorkerStt):
    with pytest.raises(EngineError, match="ValueError: too odd") as failed:
        await stt.transcribe(sound(7777))
    assert failed.value.retryable
    assert (await stt.transcribe(sound(5000))).strip() == "5000"


async def test_a_cancelled_call_lets_go_at_once_and_what_waits_is_skipped(stt: WorkerStt):
    slow = [asyncio.create_task(stt.transcribe(sound(8888))) for _ in range(30)]
    assert await cancel_s(stt.transcribe(sound(8888)), asyncio.sleep(0.05)) < CANCEL_BUDGET_S
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    async with asyncio.timeout(2):
        assert (await stt.transcribe(sound(5000))).strip() == "5000", "30 x 0.3 s were not waited for"


async def test_a_worker_that_dies_is_told_and_started_again(stt: WorkerStt):
    lines: list[str] = []
    logger.add(lines.append, level="ERROR", format="{message}")
    with pytest.raises(EngineError, match="the worker died") as died:
        await stt.transcribe(sound(6666))
    assert died.value.retryable
    assert any("status 9" in line for line in lines)
    with pytest.raises(EngineError, match="being started again"):
        await stt.transcribe(sound(5000))
    async with asyncio.timeout(20):
        await stt._up.wait()
    assert (await stt.transcribe(sound(5000))).strip() == "5000"


async def test_a_worker_that_cannot_load_says_why_and_what_to_do(tmp_path: Path):
    stt = worker(tmp_path, "no such weights")
    with pytest.raises(EngineError, match="RuntimeError: no such weights; mend it"):
        await stt.start()
    await stt.close()


async def test_an_interpreter_that_is_not_there_or_has_no_library_is_told(tmp_path: Path):
    for command in ((str(tmp_path / "python"),), (sys.executable, "-c", "raise SystemExit('no library')")):
        stt = WorkerStt(command, name="counter", remedy="mend it", start_s=20)
        with pytest.raises(EngineError, match="mend it"):
            await stt.start()
        await stt.close()


async def test_a_worker_that_never_gets_ready_is_given_up(tmp_path: Path):
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    stt = WorkerStt(command, name="counter", remedy="mend it", start_s=0.3)
    stt._closing = True  # kill it without the grace a worker gets that may be busy
    with pytest.raises(EngineError, match=r"not loaded within 0\.3 s"):
        await stt.start()
    await stt.close()


@pytest.mark.skipif(importlib.util.find_spec("nemo") is not None, reason="NeMo is installed")
async def test_without_nemo_the_extra_and_the_interpreter_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    stt = nemo_stt(ParakeetSettings(nemo_model="a.nemo"))
    with pytest.raises(EngineError, match=r"parakeet-nemo cannot run: ModuleNotFoundError.*nemo") as failed:
        await stt.start()
    await stt.close()
    for remedy in ("PARAKEET_NEMO_MODEL", "pip install 'acore[nemo]'", sys.executable, "PARAKEET_NEMO_PYTHON"):
        assert remedy in str(failed.value)


def test_the_engine_is_chosen_by_name(tmp_path: Path):
    settings = HearingSettings(engine="parakeet-nemo", parakeet=ParakeetSettings(nemo_model="a.nemo"))
    assert isinstance(make_stt(settings, ModelStore(tmp_path)), WorkerStt)
