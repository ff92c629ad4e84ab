"""Engines made from the settings: which models they need, and voice conversion in a room."""

import json
from pathlib import Path

import pytest

from personas.library import load_character
from pipeline.engines import model_of_engine, models_needed, running_engines
from pipeline.settings import load_settings
from processors.errors import EngineError, SettingError

SCRIPTED = {"STT_ENGINE": "scripted", "LLM_PROVIDER": "scripted", "TTS_ENGINE": "scripted"}


def test_the_models_of_fallbacks_are_needed_too():
    settings = load_settings(
        environ={"STT_ENGINE": "parakeet", "HEARING_FALLBACKS": '["moonshine"]', "TTS_ENGINE": "kokoro"}
    )
    assert models_needed(settings, ("stt", "tts")) == [
        "parakeet-tdt-0.6b-v3-int8",
        "moonshine-tiny-en",
        "kokoro-82m-int8",
    ]
    chain = load_settings(
        environ={
            "LLM_PROVIDER": "ollama",
            "LANGUAGE_FALLBACKS": '["embedded", "embedded:qwen2.5-0.5b-instruct", "embedded:/my/own.gguf"]',
            "THINKING_PROVIDER": "embedded",
            "THINKING_MODEL": "qwen2.5-1.5b-instruct",
        }
    )
    assert models_needed(chain, ("llm",)) == [
        "smollm2-135m-instruct",
        "qwen2.5-0.5b-instruct",
        "qwen2.5-1.5b-instruct",
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


def kept_card(folder: Path, **acore: object) -> Path:
    card = {"spec": "chara_card_v2", "data": {"name": "Nell", "description": "Old.", "extensions": {"acore": acore}}}
    path = folder / "nell.json"
    path.write_text(json.dumps(card))
    return path


async def test_the_voice_that_is_converted_first_is_the_chosen_characters_also_an_imported_ones(
    tmp_path: Path,
):
    kept_card(tmp_path, rvc={"model": "nell.pth", "pitch": -3})
    environ = SCRIPTED | {
        "RVC_ENABLED": "true",
        "RVC_MODE": "webui",
        "RVC_WEBUI_URL": "http://127.0.0.1:9",
        "PERSONA_CHARACTER": "Nell",
        "CHARACTERS_FOLDER": str(tmp_path),
    }
    # Without the card's own model the start would end at RVC_MODEL.
    with pytest.raises(EngineError, match="RVC_WEBUI_URL"):
        async with running_engines(load_settings(environ=environ)):
            pass
