"""What is known of every turn of the corpus, by construction or by measuring its sound."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from processors.errors import AudioError

VERSION = 2
"""Counts changes that make another corpus; results of different versions are not compared."""


class Kind(StrEnum):
    """What a turn puts to the test, and when it is played."""

    PLAIN = "plain"
    """A sentence said in one go, once the room is silent."""
    PAUSE = "pause"
    """The speaker stops in the middle of the sentence and goes on."""
    FILLER = "filler"
    """It holds an "um" or the like."""
    HESITATION = "hesitation"
    """A filler, and a pause behind it."""
    NOISE = "noise"
    """Noise runs under it, from before its beginning until after its end."""
    OPENER = "opener"
    """A plain turn that asks for a long answer; the next turn of the corpus is said over that answer."""
    BACK_CHANNEL = "back-channel"
    """Said over the bot by somebody who only signals that they listen."""
    BURST = "burst"
    """A cough or a knock over the bot: no words."""
    TALK_OVER = "talk-over"
    """Said over the bot by somebody who wants the floor."""

    @property
    def over_bot(self) -> bool:
        """Whether it is played while the bot is talking."""
        return self in (Kind.BACK_CHANNEL, Kind.BURST, Kind.TALK_OVER)

    @property
    def wants_answer(self) -> bool:
        """Whether the bot ought to answer it."""
        return self not in (Kind.BACK_CHANNEL, Kind.BURST)


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch of a turn in which its speaker is silent. Milliseconds from the beginning of the sound."""

    start_ms: float
    end_ms: float
    natural: bool = False
    """Made by the speaker, and found by its level; the others were put in."""

    @property
    def duration_ms(self) -> float:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class Turn:
    """One sound of the corpus. Milliseconds from its beginning."""

    id: str
    kind: Kind
    voice: str
    """Who speaks: a recording's reader, or a synthetic voice."""
    human: bool
    text: str
    """The words as they were written or read, to the end of a sentence; empty for a burst."""
    file: str
    """16 kHz mono WAV beside the manifest."""
    sha256: str
    """Of the samples."""
    duration_ms: float
    start_ms: float
    """The first voiced sample."""
    end_ms: float
    """The last voiced sample, measured before noise is added: the true end of the turn."""
    pauses: tuple[Pause, ...] = ()
    """In order: those of 200 ms and more that the speaker made, and what was put in."""
    snr_db: float | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole corpus, in the order in which it is played."""

    version: int
    turns: tuple[Turn, ...]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", "utf-8")


def load_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        AudioError: it cannot be read, or another version of the bench wrote it.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["version"] != VERSION:
            raise AudioError(f"{path} is version {content['version']} of the corpus, not {VERSION}; delete its folder")
        return Manifest(VERSION, tuple(_turn(entry) for entry in content["turns"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AudioError(f"the corpus's {path} cannot be read: {error}; delete its folder") from None


def _turn(entry: dict) -> Turn:
    pauses = tuple(Pause(**pause) for pause in entry["pauses"])
    return Turn(**{**entry, "kind": Kind(entry["kind"]), "pauses": pauses})
