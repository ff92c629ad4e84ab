"""The embedded engines let go of a caller within 20 ms while their library works on, and serve the next one."""

import asyncio

import numpy as np

from pipeline.engines import model_store
from pipeline.settings import load_settings
from processors.hearing.engines import Segment
from processors.hearing.moonshine import MoonshineStt
from processors.speaking.hibari_tts import HibariTts
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s
from tests.processors.speaking.saying import say

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
