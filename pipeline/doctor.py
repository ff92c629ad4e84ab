"""What `acore doctor` looks at: one check a line, each with what to do when it fails.

A check that fails means that something the settings ask for does not work. A warning is something that works badly,
or that only some commands need. Engines are really started and asked for something, because nothing less proves that
they run here.
"""

import asyncio
import os
import shutil
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from pipeline.characters import chosen_character, shelf_of
from pipeline.engines import EVERY_KIND, model_store, models_needed
from pipeline.settings import Settings
from processors.errors import AcoreError, ModelError, PersonaError
from processors.failover import names_in_order
from processors.hearing.engines import Segment, make_stt
from processors.hearing.settings import HearingSettings
from processors.hearing.vad import SAMPLE_RATE_HZ, WINDOW_SAMPLES, SileroSession
from processors.language.chain import ModelRef, model_list
from processors.language.engines import Message, make_engine
from processors.language.settings import LanguageSettings
from processors.models import ModelStore
from processors.models.files import megabytes
from processors.speaking.engines import VoiceStyle, make_tts
from processors.speaking.rvc import make_converter
from processors.speaking.settings import SpeakingSettings
from processors.thinking.model import make_thinking
from transports.discord.errors import OpusError
from transports.discord.opus import OUT_FRAME_BYTES, Decoder, Encoder

OLDEST_PYTHON = (3, 11)
_FEW_CORES = 2
_LITTLE_MEMORY = 1 << 30
_LITTLE_DISK = 256 << 20
"""Room for recordings, logs and reports."""
_START_S = 60.0
_CONNECT_S = 5.0


class Grade(StrEnum):
    """How a check came out."""

    GOOD = "good"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report."""

    name: str
    grade: Grade
    found: str
    remedy: str = ""
    """What to do about it; empty when it is good."""


def check_python() -> Check:
    """The interpreter: its version, and 64 bits, without which the engines have no wheels."""
    found = f"{sys.version.split()[0]}, {struct.calcsize('P') * 8} bit, {sys.executable}"
    if sys.version_info < OLDEST_PYTHON or struct.calcsize("P") < 8:
        return Check("python", Grade.FAILED, found, "install a 64-bit Python 3.11 or newer")
    return Check("python", Grade.GOOD, found)


def check_cores() -> Check:
    """Processor cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores < _FEW_CORES:
        remedy = "give it two cores; with one, answers to speech come late"
        return Check("cores", Grade.WARNING, f"{cores}", remedy)
    return Check("cores", Grade.GOOD, f"{cores}")


def check_memory() -> Check:
    """Memory that is free, where the system tells."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return Check("memory", Grade.GOOD, "this system does not tell")
    if free < _LITTLE_MEMORY:
        remedy = "close other programs; the embedded engines hold about 700 MB"
        return Check("memory", Grade.WARNING, f"{megabytes(free)} free", remedy)
    return Check("memory", Grade.GOOD, f"{megabytes(free)} free")


def check_disk(settings: Settings) -> Iterator[Check]:
    """Room in the folders that are written to: the models' and the working one."""
    store = model_store(settings)
    missing = sum(
        s.model.size
        for s in store.status()
        if s.model.name in models_needed(settings, EVERY_KIND) and s.state != "ready"
    )
    yield _room("disk (models)", store.folder, missing + _LITTLE_DISK, "ACORE_MODELS_DIR")
    yield _room("disk (here)", Path.cwd(), _LITTLE_DISK, "another working folder")
    if settings.log.folder is not None:
        yield _room("disk (log)", settings.log.folder, _LITTLE_DISK, "[log] folder")


def _room(name: str, folder: Path, needed: int, setting: str) -> Check:
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    found = f"{megabytes(free)} free for {folder}"
    if not there.is_dir() or not os.access(there, os.W_OK):
        return Check(name, Grade.FAILED, f"{folder} cannot be written", f"change its permissions, or choose {setting}")
    if free < needed:
        return Check(name, Grade.FAILED, found, f"free {megabytes(needed)}, or choose {setting}")
    return Check(name, Grade.GOOD, found)


def check_characters(settings: Settings) -> Iterator[Check]:
    """The character that answers, and whatever the bot would leave out of its folders."""
    try:
        roster = shelf_of(settings).read()
    except PersonaError as error:
        yield Check("character", Grade.FAILED, str(error), "mend it, or set another PERSONA_CHARACTER")
        return
    yield Check("character", Grade.GOOD, roster.default.name)
    for failure in roster.failures:
        yield Check("left out", Grade.WARNING, failure, "mend it, or take it out of its folder")


def check_models(settings: Settings) -> Iterator[Check]:
    """The models that the chosen engines load, verified."""
    store = model_store(settings)
    for name in models_needed(settings, EVERY_KIND):
        try:
            resolved = store.resolve(name)
        except ModelError as error:
            yield Check(f"model {name}", Grade.FAILED, str(error), f"run `acore models pull {name}`")
        else:
            yield Check(f"model {name}", Grade.GOOD, f"{megabytes(resolved.model.size)}, verified, {resolved.folder}")


async def check_engines(settings: Settings) -> AsyncIterator[Check]:
    """Start every engine, those that only step in too, ask it for something, close it."""
    store = model_store(settings)
    yield await _started("vad silero", _try_vad, "reinstall pipecat-ai and onnxruntime")
    for name, attempt, remedy in _attempts(settings, store):
        yield await _started(name, attempt, remedy)


def _attempts(settings: Settings, store: ModelStore) -> Iterator[tuple[str, Callable[[], Awaitable[str]], str]]:
    """Each engine by itself: another one that answers for it must not hide that it does not."""
    hearing, language, speaking = settings.hearing, settings.language, settings.speaking
    for name in names_in_order(hearing.engine, hearing.fallbacks):
        stt = hearing.model_copy(update={"engine": name, "fallbacks": ()})
        yield f"stt {name}", partial(_try_stt, stt, store), _mend(name == hearing.engine, "STT_ENGINE", "HEARING")
    refs = model_list(language)
    for ref in refs:
        name = ref.provider if len(refs) == 1 else str(ref)
        remedy = _mend(ref == refs[0], "LLM_PROVIDER", "LANGUAGE")
        yield f"llm {name}", partial(_try_llm, language, ref, store), remedy
    if settings.thinking.provider or settings.thinking.model:
        remedy = "mend it, or set neither THINKING_PROVIDER nor THINKING_MODEL"
        yield "thinking", partial(_try_thinking, settings, store), remedy
    for name in names_in_order(speaking.engine, speaking.fallbacks):
        tts = speaking.model_copy(update={"engine": name, "fallbacks": ()})
        yield f"tts {name}", partial(_try_tts, tts, store), _mend(name == speaking.engine, "TTS_ENGINE", "SPEAKING")
    if settings.rvc.enabled:
        yield f"rvc {settings.rvc.mode}", partial(_try_rvc, settings), "mend it, or set RVC_ENABLED=false"


def _mend(first: bool, setting: str, group: str) -> str:
    return f"mend it, or choose another {setting}" if first else f"mend it, or take it out of {group}_FALLBACKS"


async def _started(name: str, attempt: Callable[[], Awaitable[str]], remedy: str) -> Check:
    began_s = time.perf_counter()
    try:
        async with asyncio.timeout(_START_S):
            did = await attempt()
    except TimeoutError:
        return Check(name, Grade.FAILED, f"did not answer within {_START_S:g} s", remedy)
    except AcoreError as error:
        return Check(name, Grade.FAILED, str(error), remedy)
    except (ImportError, OSError) as error:
        # A package that is not there, or whose library does not load here.
        return Check(name, Grade.FAILED, f"{type(error).__name__}: {error}", "run `make install` again")
    return Check(name, Grade.GOOD, f"{did}, {time.perf_counter() - began_s:.1f} s with loading")


async def _try_vad() -> str:
    session = await asyncio.to_thread(SileroSession)
    probability = session.detector().probability(np.zeros(WINDOW_SAMPLES, np.int16))
    return f"hears silence as {probability:.2f} speech"


async def _try_stt(settings: HearingSettings, store: ModelStore) -> str:
    stt = make_stt(settings, store)
    try:
        await stt.start()
        await stt.transcribe(Segment("doctor", 1, np.zeros(SAMPLE_RATE_HZ, np.int16)))
    finally:
        await stt.close()
    return "transcribes"


async def _try_llm(settings: LanguageSettings, ref: ModelRef, store: ModelStore) -> str:
    llm = make_engine(settings, store, ref, setting="LLM_PROVIDER")
    try:
        await llm.start()
        sampling = settings.sampling.model_copy(update={"max_tokens": 8})
        async with aclosing(llm.stream([Message("user", "Say hello.")], sampling)) as deltas:
            text = "".join([delta.text async for delta in deltas])
    finally:
        await llm.close()
    return "answers" if text.strip() else "starts, but answered nothing"


async def _try_thinking(settings: Settings, store: ModelStore) -> str:
    thinking = make_thinking(settings.thinking, settings.language, store)
    try:
        await thinking.start()
        decided = await thinking.decide("Is this a question?", "Somebody asks: how are you?", default=False)
    finally:
        await thinking.close()
    took = f"{decided.took_ms:.0f} ms of {settings.thinking.decide_ms}"
    return f"decides in {took}" if decided.by_model else f"starts, but had no answer in {took}; the rules decide"


async def _try_tts(settings: SpeakingSettings, store: ModelStore) -> str:
    tts = make_tts(settings, store)
    try:
        await tts.start()
        async with aclosing(tts.synthesize("Hello.", VoiceStyle())) as pieces:
            samples = sum([len(piece) async for piece in pieces])
    finally:
        await tts.close()
    return f"speaks, {tts.sample_rate_hz} Hz" if samples else "starts, but made no sound"


async def _try_rvc(settings: Settings) -> str:
    converter = make_converter(settings.rvc.of(chosen_character(settings).settings.rvc))
    try:
        await converter.start()
    finally:
        await converter.close()
    return "is ready to convert"


def check_libopus() -> Check:
    """The codec of Discord voice: one frame there and back."""
    try:
        decoded = Decoder().decode(Encoder().encode(bytes(OUT_FRAME_BYTES)))
    except OpusError as error:
        return Check("libopus", Grade.FAILED, str(error), "run `make install` again, or install libopus")
    return Check("libopus", Grade.GOOD, f"encodes and decodes ({len(decoded)} bytes a frame)")


def check_voice_packages() -> Check:
    """What Discord voice needs besides libopus."""
    found: list[str] = []
    for package in ("discord.py", "davey", "cryptography"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            return Check("discord voice", Grade.FAILED, f"{package} is not installed", "run `make install` again")
    return Check("discord voice", Grade.GOOD, ", ".join(found))


def check_ports() -> Check:
    """Sockets: a UDP port for voice, and a TCP port on loopback."""
    for kind, address in ((socket.SOCK_DGRAM, "0.0.0.0"), (socket.SOCK_STREAM, "127.0.0.1")):
        name = "UDP" if kind is socket.SOCK_DGRAM else "TCP"
        try:
            with socket.socket(socket.AF_INET, kind) as opened:
                opened.bind((address, 0))
        except OSError as error:
            remedy = f"let this user open {name} ports (firewall, container, sandbox)"
            return Check("ports", Grade.FAILED, f"no {name} port can be opened: {error.strerror}", remedy)
    return Check("ports", Grade.GOOD, "UDP and TCP can be opened")


async def check_discord(settings: Settings) -> Check:
    """The bot's account: its token, and whether Discord can be reached."""
    if settings.discord.token is None:
        remedy = "set DISCORD_TOKEN for `acore run`; nothing else needs it"
        return Check("discord", Grade.WARNING, "no token", remedy)
    address = urlsplit(settings.discord.api_base)
    host, port = address.hostname or "", address.port or (80 if address.scheme == "http" else 443)
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()
    except (TimeoutError, OSError) as error:
        found = f"{host}:{port} cannot be reached: {error or 'timeout'}"
        return Check("discord", Grade.FAILED, found, "check the network, a proxy, DISCORD_API_BASE")
    return Check("discord", Grade.GOOD, f"a token is set, {host}:{port} answers")


async def examine(settings: Settings) -> AsyncIterator[Check]:
    """All checks that need settings, in order; each is yielded as it is made."""
    yield check_python()
    yield check_cores()
    yield check_memory()
    for check in check_disk(settings):
        yield check
    for check in check_characters(settings):
        yield check
    for check in check_models(settings):
        yield check
    async for check in check_engines(settings):
        yield check
    yield check_libopus()
    yield check_voice_packages()
    yield check_ports()
    yield await check_discord(settings)
