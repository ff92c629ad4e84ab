"""What a pull tells whoever is watching it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """What is being done to a file."""

    WAITING = "waiting"
    """Another process holds the model."""
    DOWNLOADING = "downloading"
    UNPACKING = "unpacking"
    VERIFYING = "verifying"
    FALLBACK = "fallback"
    """A source failed and the next one is tried; `note` says why."""
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a pull."""

    model: str
    file: str
    """Manifest path, or the name of the package that carries it."""
    stage: Stage
    done_bytes: int = 0
    total_bytes: int | None = None
    note: str = ""


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Watch nothing."""
