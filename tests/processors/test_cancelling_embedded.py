"""The embedded engines let go of a caller within 20 ms while their library works on, and serve the next one."""

import asyncio
import threading

import numpy as np
import pytest

from pipeline.engines import model_store
from pipeline.settings import load_settings
from processors.hearing.engines import Segment
from processors.hearing.moonshine import MoonshineStt
from processors.speaking.hibari_tts import HibariTts
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s
from tests.processors.speaking.saying import say
from tests.sounds import cut

TRIES = 3
"""The quickest counts: what the engine takes, without what the machine was busy with."""


async def test_moonshine_lets_go_at_once():
    stt = MoonshineStt(model_store(load_settings(environ={})))
    await stt.start()
    try:
        noise = np.random.default_rng(0).normal(0, 3000, 16000 * 12).astype(np.int16)
        taken_s = [await cancel_s(stt.transcribe(Segment("ann", 1, noise)), asyncio.sleep(0.02)) for _ in range(TRIES)]
        assert min(taken_s) < CANCEL_BUDGET_S
        assert isinstance(await stt.transcribe(Segment("ann", 2, noise[:16000])), str), "the thread is used again"
    finally:
        await stt.close()


async def test_moonshine_is_free_for_the_next_within_a_token(monkeypatch: pytest.MonkeyPatch):
    stt = MoonshineStt(model_store(load_settings(environ={})))
    await stt.start()
    try:
        loop, under_way, cancelled = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        assert stt.model
        real, passes = stt.model._pass, []

        def third_waits(heard, *args, **kwargs):
            passes.append(heard.samples)
            if len(passes) == 3:
                loop.call_soon_threadsafe(under_way.set)
                assert cancelled.wait(10)
            return real(heard, *args, **kwargs)

        monkeypatch.setattr(stt.model, "_pass", third_waits)
        speech = cut("two_cities", 0, 5)
        await cancel_s(stt.transcribe(Segment("ann", 1, speech)), under_way.wait())
        cancelled.set()
        await stt.transcribe(Segment("ann", 2, speech[:16000]))
        assert sum(samples >= len(speech) for samples in passes) == 3, "not a token more for nobody"
    finally:
        await stt.close()


async def test_hibari_lets_go_at_once():
    tts = HibariTts(model_store(load_settings(environ={})))
    await tts.start()
    try:
        sentence = "The weather in the mountains was cold and clear this morning, and nobody had come up yet. "
        taken_s = [await cancel_s(say(tts, sentence * 8), asyncio.sleep(0.02)) for _ in range(TRIES)]
        assert min(taken_s) < CANCEL_BUDGET_S
        assert len(await say(tts, "Hello."))
    finally:
        await tts.close()
