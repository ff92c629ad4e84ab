"""`acore bench memory`: how long recall takes, and what the process holds, while a memory grows to many messages."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.designs.ours import BENCH_GUILD
from bench.figures import Spread, spread
from bench.results import provenance, write_result
from bench.rooms import rss_mb
from pipeline.engines import model_store
from pipeline.settings import Settings
from processors.errors import AcoreError
from processors.memory.port import Exchange, Scene, SceneKind, Utterance
from processors.memory.service import MemoryService, running_memory

_BATCH = 2500
"""Exchanges that are written before the disk is waited for."""
_LONGEST_SEARCH_MS = 2000
_PERSONA, _CHANNELS, _PEOPLE = "ava", 50, 200
_APART_S = 30.0
_NOUNS = (
    "boat garden letter winter kitchen window brother teacher bicycle mountain guitar pancake river ticket blanket "
    "station harbour candle market football doctor painting village holiday coffee engine library summer island "
    "bridge orchestra puppy castle planet recipe marathon umbrella neighbour piano forest museum birthday wedding"
).split()
_SYLLABLES = "ba do fi ga ku la me no pi ru sa te vo wi zu".split()
_WORDS = (*_NOUNS, *(f"{a}{b}{c}" for a in _SYLLABLES for b in _SYLLABLES[:7] for c in _SYLLABLES[7:13]))
"""Common nouns, and names of people, places and things that nobody else has."""
_WEIGHTS = [1 / (rank + 20) for rank in range(len(_WORDS))]
"""How often each is used: the commonest in 4 % of the messages, the rarest in 0.1 %."""
_SAID = (
    "I left my {} at the {} of {} again.",
    "Did anybody see the {} near the {} before the {}?",
    "We talked about the {}, the {} and the {} all evening.",
    "My {} likes the {} more than the {}.",
    "I will take the {} and the {} to the {}.",
    "The {} was cheaper than the {}, so I bought it for the {}.",
)
_ASKED = ("What did I say about the {}?", "Do you remember the {} and the {}?", "Who wanted to take the {} to the {}?")


@dataclass(frozen=True, slots=True)
class RecallFigures:
    """What a memory of so many messages costs."""

    messages: int
    meanings: int
    """Of how many the meaning was at hand."""
    took: Spread | None
    """A whole search, from the question to what comes to mind (ms)."""
    found: int
    """Questions to which something came to mind."""
    asked: int
    rss_mb: tuple[float, ...]
    """Of the process: empty, and after each tenth of the messages."""


def run_recall(
    messages: int,
    meanings: int,
    settings: Settings,
    out: Path,
    tell: Callable[[str], None],
    questions: int = 200,
    then: Callable[[Path, Settings], None] = lambda folder, settings: None,
) -> tuple[RecallFigures, Path]:
    """Fill a memory with so many messages, the meaning of so many of the newest at hand (0: words alone), and ask it.

    Writes `<out>/recall.json`. `then` is given the folder of this memory, and the settings it is to be opened with.

    Raises:
        AcoreError: a model is missing, or the memory cannot be written.
    """
    limits = {"vectors": "chroma", "vector_messages": meanings} if meanings else {"vectors": "off"}
    chosen = _with_recall(settings, **limits)
    patient = _with_recall(chosen, deadline_ms=_LONGEST_SEARCH_MS)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        figures = asyncio.run(ask(folder, patient, messages, questions, tell))
        path = out / "recall.json"
        write_result(path, {"bench": "recall", **provenance(), "figures": asdict(figures)})
        then(folder, chosen)
    return figures, path


def _with_recall(settings: Settings, **limits: str | int) -> Settings:
    recall = settings.memory.recall.model_copy(update=limits)
    return settings.model_copy(update={"memory": settings.memory.model_copy(update={"recall": recall})})


async def ask(
    folder: Path, settings: Settings, messages: int, questions: int, tell: Callable[[str], None]
) -> RecallFigures:
    """Fill the memory of `folder` and ask it. It stays there, filled.

    Raises:
        AcoreError: the memory cannot be written.
    """
    dice, recall = random.Random(1), settings.memory.recall
    async with running_memory(folder, settings.memory, model_store(settings)) as memory:
        held = [rss_mb()]
        for tenth in range(1, 11):
            await _fill(memory, messages * tenth // 10 - messages * (tenth - 1) // 10, dice)
            held.append(rss_mb())
            tell(f"{messages * tenth // 10} messages, {held[-1]:.0f} MB")
        wanted = 0 if recall.vectors == "off" else min(messages, recall.vector_messages)
        meanings = await until_indexed(memory, wanted, tell)
        took: list[float] = []
        found = 0
        for number in range(questions):
            words = _some(dice)
            scene = _channel(number)
            text = _ASKED[number % len(_ASKED)].format(*words)
            began_s = time.perf_counter()
            recollection = await memory.recall(scene, _PERSONA, (f"person {number % _PEOPLE}",), text)
            took.append((time.perf_counter() - began_s) * 1000)
            found += bool(recollection.lines)
    held_mb = tuple(round(mb, 1) for mb in held)
    return RecallFigures(messages, meanings, spread(took), found, questions, held_mb)


async def _fill(memory: MemoryService, messages: int, dice: random.Random) -> None:
    now_s = time.time()
    for number in range(messages // 2):
        at_s = now_s - (messages // 2 - number) * _APART_S - 86_400
        person = f"person {dice.randrange(_PEOPLE)}"
        heard = Utterance(person, person, _sentence(dice), at_s)
        reply = Utterance(_PERSONA, "Bot", _sentence(dice), at_s + 1, by_character=True)
        memory.note(Exchange(_channel(dice.randrange(_CHANNELS)), _PERSONA, (heard,), reply))
        if number % _BATCH == _BATCH - 1 and not await memory.store.settle(60.0):
            raise AcoreError(f"the memory file cannot be written: {memory.store.trouble or 'too slow'}")
    await memory.store.settle(60.0)


async def until_indexed(memory: MemoryService, meanings: int, tell: Callable[[str], None] = lambda line: None) -> int:
    """Wait until the meanings of the newest messages are at hand. Returns of how many; 0 with words alone."""
    if meanings == 0:
        return 0
    newest = (await memory.store.read("SELECT max(id) AS id FROM messages"))[0]["id"]
    said_s = time.monotonic()
    while memory.index is None or memory.index.upto < newest:
        await asyncio.sleep(0.5)
        if memory.index and time.monotonic() - said_s > 10:
            said_s = time.monotonic()
            tell(f"meanings: {newest - memory.index.upto} messages to go")
    return meanings


def _sentence(dice: random.Random) -> str:
    return dice.choice(_SAID).format(*_some(dice))


def _some(dice: random.Random) -> list[str]:
    return dice.choices(_WORDS, _WEIGHTS, k=3)


def _channel(number: int) -> Scene:
    return Scene(SceneKind.CHANNEL, f"channel {number % _CHANNELS}", BENCH_GUILD)
