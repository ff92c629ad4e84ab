"""Voice conversion in a room, from the settings to the sound."""

import pytest

from personas.library import load_character
from pipeline.engine_health import engine_health
from pipeline.engines import running_engines
from pipeline.settings import load_settings
from processors.speaking.conversion import ConvertedTts
from tests.processors.speaking.saying import say

SCRIPTED = {"STT_ENGINE": "scripted", "LLM_PROVIDER": "scripted", "TTS_ENGINE": "scripted"}


async def test_with_conversion_a_room_speaks_in_another_voice():
    environ = SCRIPTED | {"RVC_ENABLED": "true", "RVC_MODE": "effect", "RVC_PITCH": "7"}
    async with running_engines(load_settings(environ=environ)) as engines:
        tts = engines.voice_of(load_character("ava"))
        assert isinstance(tts, ConvertedTts)
        plain, converted = await say(engines.tts), await say(tts)
        assert len(converted) == pytest.approx(len(plain), rel=0.05)
        assert engines.conversions is not None
        assert next(iter(engines.conversions.counts.values())).converted == 1


async def test_converted_clauses_are_counted():
    environ = SCRIPTED | {"RVC_ENABLED": "true", "RVC_MODE": "effect"}
    settings = load_settings(environ=environ)
    async with running_engines(settings) as engines:
        told = engine_health(settings, engines)["voice conversion"]
        assert told == "effect, 0 clauses converted, 0 spoken unconverted"
