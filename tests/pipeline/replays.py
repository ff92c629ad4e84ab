"""Replays for tests: scripted engines, a detector that goes by level, sources made of arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personas.library import load_character
from pipeline.replay import Replay, run_replay
from pipeline.settings import Settings
from tests.sounds import RATE_HZ, Pcm

FRAME = 320

SCRIPTED: dict[str, Any] = {
    "hearing": {"engine": "scripted"},
    "language": {"provider": "scripted"},
    "speaking": {"engine": "scripted"},
}


def scripted(**changes: dict[str, Any]) -> Settings:
    """Settings with scripted engines; `changes` by group go on top."""
    return Settings.model_validate(
        {**changes, **{name: {**group, **changes.get(name, {})} for name, group in SCRIPTED.items()}}
    )


class Played:
    """A `FrameSource` out of an array."""

    def __init__(self, sound: Pcm) -> None:
        self._sound = sound

    def read_frame(self) -> Pcm | None:
        frame, self._sound = self._sound[:FRAME], self._sound[FRAME:]
        return np.pad(frame, (0, FRAME - len(frame))) if len(frame) else None


class LevelVad:
    """Speech is what is loud."""

    def probability(self, window: Pcm) -> float:
        return 1.0 if np.abs(window).max() > 1000 else 0.0

    def reset(self) -> None:
        pass


@contextmanager
def hearing_by_level() -> Iterator[None]:
    """Replays take every loud sound for speech, so that a tone will do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.engines.SileroSession", _LevelSession)
        yield


class _LevelSession:
    def detector(self) -> LevelVad:
        return LevelVad()


def tone(seconds: float, hz: float = 200.0, level: int = 8000) -> Pcm:
    return (level * np.sin(2 * np.pi * hz * np.arange(int(RATE_HZ * seconds)) / RATE_HZ)).astype(np.int16)


def talk(*sounds: Pcm, settings: Settings | None = None, out: Path | None = None, **more: Any) -> Replay:
    """Replay one person's sounds, one after the other, to the default character."""
    source = {"alice": Played(np.concatenate(sounds))}
    return run_replay(
        source,
        settings or scripted(),
        load_character("ava"),
        speed=more.pop("speed", "fast"),
        out=out,
        stereo=out is not None,
        **more,
    )


__all__ = ["LevelVad", "Played", "hearing_by_level", "scripted", "talk", "tone"]
