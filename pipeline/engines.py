"""The engines of a session, made by name and warmed up before anybody is told that we are ready."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from pipeline.settings import Settings
from processors.hearing.engines import SpeechToText, make_stt
from processors.hearing.vad import SileroSession, VoiceActivityDetector
from processors.language.engines import LanguageModel, make_llm
from processors.models import ModelStore
from processors.speaking.engines import TextToSpeech, make_tts


@dataclass(frozen=True, slots=True)
class Engines:
    """One of each kind, shared by all sessions of a process."""

    make_vad: Callable[[], VoiceActivityDetector]
    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech


def model_store(settings: Settings) -> ModelStore:
    """The model store the settings describe."""
    return ModelStore(settings.models.dir, offline=settings.models.offline)


def models_needed(settings: Settings, kinds: Collection[str] = ("stt", "llm", "tts")) -> list[str]:
    """Names, in the manifest, of the models that the chosen engines of these kinds load."""
    needed = {
        ("stt", "moonshine"): "moonshine-tiny-en",
        ("llm", "embedded"): settings.language.embedded_model,
        ("tts", "hibari"): "hibari-heart",
    }
    chosen = (("stt", settings.hearing.engine), ("llm", settings.language.provider), ("tts", settings.speaking.engine))
    return [
        needed[engine]
        for engine in chosen
        if engine[0] in kinds and engine in needed and not needed[engine].endswith(".gguf")
    ]


@asynccontextmanager
async def running_engines(settings: Settings):
    """Make, load and warm up all engines at once; close them on the way out.

    Raises:
        SettingError: an engine's name is unknown.
        ModelError: a model is missing or corrupt.
        EngineError: an engine cannot run here.
    """
    store = model_store(settings)
    stt, llm, tts = (
        make_stt(settings.hearing, store),
        make_llm(settings.language, store),
        make_tts(settings.speaking, store),
    )
    async with AsyncExitStack() as stack:
        for engine in (stt, llm, tts):
            stack.push_async_callback(engine.close)
        vad, *_ = await asyncio.gather(asyncio.to_thread(SileroSession), stt.start(), llm.start(), tts.start())
        yield Engines(vad.detector, stt, llm, tts)
