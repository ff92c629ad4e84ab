"""The engines of a session, made by name and warmed up before anybody is told that we are ready."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from personas.profile import CharacterProfile
from pipeline.characters import chosen_character
from pipeline.settings import Settings
from processors.hearing.engines import SpeechToText, make_stt
from processors.hearing.moonshine import MODEL as MOONSHINE
from processors.hearing.turn_end import TurnEndDetector, chosen_turn_end, make_turn_end
from processors.hearing.vad import SileroSession, VoiceActivityDetector
from processors.language.chain import model_list
from processors.language.engines import LanguageModel, make_llm
from processors.memory.embedding import MODEL as EMBEDDING_MODEL
from processors.models import ModelStore
from processors.models.catalogue import MODELS
from processors.speaking.conversion import Conversions, ConvertedTts
from processors.speaking.engines import TextToSpeech, make_tts
from processors.thinking.model import ThinkingModel, make_thinking, thinking_ref

VOICE_KINDS = ("stt", "llm", "tts")
EVERY_KIND = (*VOICE_KINDS, "embedding")


@dataclass(frozen=True, slots=True)
class Engines:
    """One of each kind, shared by all sessions of a process."""

    make_vad: Callable[[], VoiceActivityDetector]
    turn_end: TurnEndDetector | None
    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    thinking: ThinkingModel
    """Decides beside the language model; without a model of its own it knows nothing better than the rules."""
    conversions: Conversions | None = None
    """Voice conversion, if it is on."""

    def voice_of(self, character: CharacterProfile) -> TextToSpeech:
        """What a character speaks with in one room."""
        if self.conversions is None:
            return self.tts
        return ConvertedTts(self.tts, self.conversions, character.settings.rvc)


def model_store(settings: Settings) -> ModelStore:
    """The model store the settings describe."""
    return ModelStore(settings.models.dir, offline=settings.models.offline)


def model_of_engine(settings: Settings, engine: str) -> str:
    """The name, in the manifest, of the model that an engine loads; empty if it loads none of the manifest's."""
    names = (model for (_, name), model in _models_of_engines(settings).items() if name == engine)
    return next((name for name in names if name in MODELS), "")


def _models_of_engines(settings: Settings) -> dict[tuple[str, str], str]:
    return {
        ("stt", "moonshine"): MOONSHINE,
        ("turn end", "punctuation"): MOONSHINE,
        ("stt", "parakeet"): settings.hearing.parakeet.model,
        ("llm", "embedded"): settings.language.embedded_model,
        ("embedding", "chroma"): EMBEDDING_MODEL,
        ("tts", "hibari"): "hibari-heart",
        ("tts", "kokoro"): settings.speaking.kokoro.model,
    }


def models_needed(settings: Settings, kinds: Collection[str] = VOICE_KINDS) -> list[str]:
    """Names, in the manifest, of the models that the chosen engines of these kinds load, fallbacks included."""
    of_engine = _models_of_engines(settings)
    hearing, language, speaking = settings.hearing, settings.language, settings.speaking
    refs = (*model_list(language), thinking_ref(settings.thinking, language))
    needed = [("stt", of_engine.get(("stt", name), "")) for name in (hearing.engine, *hearing.fallbacks)]
    needed.append(("stt", of_engine.get(("turn end", chosen_turn_end(hearing)), "")))
    needed += [("llm", ref.model) for ref in refs if ref and ref.provider == "embedded"]
    needed += [("tts", of_engine.get(("tts", name), "")) for name in (speaking.engine, *speaking.fallbacks)]
    if settings.memory.enabled:
        needed.append(("embedding", of_engine.get(("embedding", settings.memory.recall.vectors), "")))
    # What is not in the manifest is a path of the user's own.
    names = [name for kind, name in needed if kind in kinds]
    return [name for name in dict.fromkeys(names) if name in MODELS]


@asynccontextmanager
async def running_engines(
    settings: Settings, on_language: Callable[[LanguageModel, ThinkingModel], None] = lambda llm, thinking: None
):
    """Make, load and warm up all engines at once; close them on the way out.

    Args:
        on_language: told as soon as what text needs is ready, while what voice needs may still load.

    Raises:
        SettingError: an engine's name is unknown, or a setting it needs is missing.
        PersonaError: the character whose voice is to be converted cannot be read.
        ModelError: a model is missing or corrupt.
        EngineError: an engine cannot run here.
    """
    store = model_store(settings)
    stt, llm, tts = (
        make_stt(settings.hearing, store),
        make_llm(settings.language, store),
        make_tts(settings.speaking, store),
    )
    turn_end = make_turn_end(settings.hearing, stt, store)
    thinking = make_thinking(settings.thinking, settings.language, store)

    async def start_language() -> None:
        await asyncio.gather(llm.start(), thinking.start())
        on_language(llm, thinking)

    async with AsyncExitStack() as stack:
        for engine in (stt, llm, tts, thinking, turn_end):
            if engine:
                stack.push_async_callback(engine.close)
        starts = [start_language(), *(engine.start() for engine in (stt, tts, turn_end) if engine)]
        conversions = None
        if settings.rvc.enabled:
            conversions = Conversions(settings.rvc)
            stack.push_async_callback(conversions.close)
            starts.append(conversions.start(chosen_character(settings).settings.rvc))
        vad, _ = await asyncio.gather(asyncio.to_thread(SileroSession), asyncio.gather(*starts))
        yield Engines(vad.detector, turn_end, stt, llm, tts, thinking, conversions)


@asynccontextmanager
async def running_language(settings: Settings):
    """What text needs, and nothing else: the language model and the thinking model.

    Raises:
        As `running_engines` does.
    """
    store = model_store(settings)
    language = settings.language.for_calls(0)
    llm, thinking = make_llm(language, store), make_thinking(settings.thinking, language, store)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(llm.close)
        stack.push_async_callback(thinking.close)
        await asyncio.gather(llm.start(), thinking.start())
        yield llm, thinking
