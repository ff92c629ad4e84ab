"""Engines made from the settings: which models they need, and voice conversion in a room."""

import pytest

from personas.library import load_character
from pipeline.engines import conversion_of, model_of_engine, models_needed, running_engines
from pipeline.settings import load_settings
from processors.errors import EngineError, SettingError
from processors.speaking.rvc import RvcVoice

SCRIPTED = {"STT_ENGINE": "scripted", "LLM_PROVIDER": "scripted", "TTS_ENGINE": "scripted"}


def with_rvc(**rvc: str | int | float):
    ava = load_character("ava")
    card = ava.card
    settings = ava.settings.model_copy(update={"rvc": rvc})
    return type(ava)(card, ava.id, settings)


def test_the_models_of_fallbacks_are_needed_too():
    settings = load_settings(
        environ={"STT_ENGINE": "parakeet", "HEARING_FALLBACKS": '["moonshine"]', "TTS_ENGINE": "kokoro"}
    )
    assert models_needed(settings, ("stt", "tts")) == [
        "parakeet-tdt-0.6b-v3-int8",
        "moonshine-tiny-en",
        "kokoro-82m-int8",
    ]
    own = load_settings(environ={"STT_ENGINE": "parakeet", "PARAKEET_MODEL": "/my/export"})
    assert models_needed(own, ("stt",)) == []


def test_an_engines_name_stands_for_the_model_its_settings_name():
    settings = load_settings(environ={"KOKORO_MODEL": "kokoro-82m-fp16", "PARAKEET_MODEL": "/my/export"})
    assert model_of_engine(settings, "kokoro") == "kokoro-82m-fp16"
    assert model_of_engine(settings, "embedded") == "smollm2-135m-instruct"
    assert [model_of_engine(settings, name) for name in ("parakeet", "ollama", "nonsense")] == [""] * 3


async def test_without_conversion_a_character_speaks_with_the_engine_itself():
    async with running_engines(load_settings(environ=SCRIPTED)) as engines:
        assert engines.conversions is None
        assert engines.voice_of(load_character("ava")) is engines.tts


async def test_conversion_that_cannot_work_stops_the_start():
    environ = SCRIPTED | {"RVC_ENABLED": "true", "RVC_MODE": "webui", "RVC_WEBUI_URL": "http://127.0.0.1:9"}
    with pytest.raises(SettingError, match="RVC_MODEL"):
        async with running_engines(load_settings(environ=environ)):
            pass
    with pytest.raises(EngineError, match="RVC_WEBUI_URL"):
        async with running_engines(load_settings(environ=environ | {"RVC_MODEL": "a.pth"})):
            pass


def test_what_a_card_says_of_conversion_is_read_and_checked():
    assert conversion_of(with_rvc(model="a.pth", pitch=-3)) == RvcVoice(model="a.pth", pitch=-3)
    with pytest.raises(SettingError, match=r"Ava.*extensions\.acore\.rvc\.pitch"):
        conversion_of(with_rvc(pitch=99))
    with pytest.raises(SettingError, match=r"extensions\.acore\.rvc\.pich"):
        conversion_of(with_rvc(pich=1))
