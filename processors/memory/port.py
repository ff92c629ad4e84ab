"""What the voice pipeline and the text worker need of memory: say what happened, ask what matters now."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class SceneKind(StrEnum):
    """Where people and a character meet; limits and idle rules differ."""

    VOICE = "voice"
    CHANNEL = "channel"
    THREAD = "thread"
    DM = "dm"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Scene:
    """One place where a conversation happens. Its history is its own."""

    kind: SceneKind
    id: str
    """Of the channel, thread, DM or voice room."""
    guild_id: str = ""
    """Empty outside a server."""
    parent_id: str = ""
    """Of a thread: the channel it hangs from."""
    restricted: bool = field(default=False, compare=False)
    """Whether not everybody of the server may come here: what is said here is recalled only here, and in private to
    who said it."""
    since_s: float = field(default=0.0, compare=False)
    """Of a voice room: when its session began. The history reaches no further back."""

    @property
    def private(self) -> bool:
        """Whether what is said here must not be recalled to others."""
        return self.kind in (SceneKind.DM, SceneKind.CONSOLE)


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something somebody said or wrote."""

    speaker_id: str
    """A person's Discord id, or a character's id."""
    name: str
    text: str
    at_s: float
    """Wall clock, seconds since the epoch."""
    by_character: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was heard or read, and what a character answered: in voice, the words that were really played."""

    scene: Scene
    persona_id: str
    heard: tuple[Utterance, ...]
    reply: Utterance | None = None
    """None when the character only listened."""
    asked_by: str = ""
    """Id of whom the reply answers, if their words stand in another exchange: several characters answer one message."""


@dataclass(frozen=True, slots=True)
class Recollection:
    """What memory adds to a prompt. Text-sized, and data, never instructions."""

    lines: tuple[str, ...] = ()
    """Facts, summaries, passages: each one line for the prompt's volatile part."""
    sources: tuple[str, ...] = ()
    """Where the passages come from, in their order, for citing."""


NO_RECOLLECTION = Recollection()


class Memory(Protocol):
    """Remembers for every character. Nothing here waits for a disk on the caller's path."""

    def note(self, exchange: Exchange) -> None:
        """Remember an exchange. Returns at once; it is durable within a second."""
        ...

    async def history(self, scene: Scene, *, limit: int = 50) -> tuple[Utterance, ...]:
        """The latest utterances of a scene, oldest first, as far as its idle rule lets the conversation reach back."""
        ...

    async def recall(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        """What matters for answering `text`. Never later than its deadline: what is late serves the next call."""
        ...
