"""What people are told of the engines."""

import numpy as np

from pipeline.engine_health import engine_health
from pipeline.engines import running_engines
from pipeline.settings import load_settings
from processors.hearing.engines import Segment
from tests.fakes.serving import served
from tests.fakes.speech_servers import TranscriptionFake, Trouble

SCRIPTED = {"STT_ENGINE": "scripted", "LLM_PROVIDER": "scripted", "TTS_ENGINE": "scripted"}


async def test_single_engines_are_named_with_their_state():
    settings = load_settings(environ=SCRIPTED)
    assert engine_health(settings, None)["hears"] == "scripted, loading"
    async with running_engines(settings) as engines:
        assert set(engine_health(settings, engines).values()) == {"scripted, ready"}


async def test_an_engine_that_rests_is_told_with_its_reason():
    server = TranscriptionFake()
    async with served(server.app) as url:
        environ = SCRIPTED | {
            "STT_ENGINE": "parakeet-http",
            "PARAKEET_API_URL": url,
            "HEARING_FALLBACKS": '["scripted"]',
        }
        settings = load_settings(environ=environ)
        async with running_engines(settings) as engines:
            assert engine_health(settings, engines)["hears"] == "parakeet-http ready, scripted ready"
            server.trouble = Trouble(status=500)
            assert await engines.stt.transcribe(Segment("alice", 1, np.zeros(16000, np.int16)))
            told = engine_health(settings, engines)["hears"]
            assert told.startswith("parakeet-http resting (1 failed, 0 late; ")
            assert told.endswith("), scripted ready")
