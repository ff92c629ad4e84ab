"""People, places and what is said there, for tests of memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from processors.memory.indexer import Indexer
from processors.memory.port import Exchange, Scene, SceneKind, Utterance
from processors.memory.service import MemoryService
from processors.memory.settings import MemorySettings
from processors.memory.store import open_store
from processors.memory.vectors import Meaning
from tests.processors.memory.meanings import ScriptedEmbedder, ScriptedVectors

CHANNEL = Scene(SceneKind.CHANNEL, "general", guild_id="g1")
VOICE = Scene(SceneKind.VOICE, "lounge", guild_id="g1")
MODERATORS = Scene(SceneKind.CHANNEL, "mods", guild_id="g1", restricted=True)
ANNS_DM = Scene(SceneKind.DM, "dm-ann")
BENS_DM = Scene(SceneKind.DM, "dm-ben")
ELSEWHERE = Scene(SceneKind.CHANNEL, "other", guild_id="g2")
DAY_S = 86_400.0


@dataclass
class WallClock:
    """A wall clock that stands still unless it is moved."""

    s: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.s

    def pass_by(self, seconds: float) -> None:
        self.s += seconds


@dataclass
class Talk:
    """A memory on a folder, with a scripted index of meanings and a clock of its own."""

    memory: MemoryService
    clock: WallClock
    embedder: ScriptedEmbedder
    vectors: ScriptedVectors
    settings: MemorySettings = field(default_factory=MemorySettings)

    def say(self, text: str, *, who: str = "ann", scene: Scene = CHANNEL, to: str = "ava", reply: str = "") -> None:
        """Somebody says something to a character."""
        heard = (Utterance(who, who.title(), text, self.clock()),)
        answer = Utterance(to, to.title(), reply, self.clock(), by_character=True) if reply else None
        self.memory.note(Exchange(scene, to, heard, answer))

    async def index(self) -> None:
        """Bring the index of meanings up to date and use it."""
        await self.memory.store.settle()
        indexer = Indexer(self.memory.store, self.embedder, self.vectors, self.settings.recall.vector_messages)
        indexer.begin_anew()
        while await indexer.step():
            pass
        self.memory.index = indexer
        self.memory._messages.meaning = self.memory.knowledge.meaning = Meaning(self.embedder, self.vectors)

    async def recall(self, text: str, *, who: str = "ann", scene: Scene = CHANNEL, by: str = "ava") -> tuple[str, ...]:
        """What comes to a character's mind."""
        await self.memory.store.settle()
        return (await self.memory.recall(scene, by, (who,), text)).lines


@asynccontextmanager
async def talk_on(folder: Path, clock: WallClock | None = None, **settings: object) -> AsyncIterator[Talk]:
    """A memory that runs, with a deadline no busy machine misses unless another is given."""
    recall = {"deadline_ms": 2000, **(settings.pop("recall", None) or {})}  # type: ignore[dict-item]
    chosen = MemorySettings.model_validate({"recall": recall, **settings})
    clock = clock or WallClock()
    async with open_store(folder) as store:
        memory = MemoryService(store, folder, chosen, clock)
        try:
            yield Talk(memory, clock, ScriptedEmbedder(), ScriptedVectors(), chosen)
        finally:
            await memory.close()
