"""Where the corpus lies, and how it gets there."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from bench.corpus.build import Workshop, build
from bench.corpus.levels import RATE_HZ, Pcm
from bench.corpus.manifest import VERSION, Kind, Manifest, Turn, load_manifest
from bench.corpus.plan import Recipe, plan
from processors.errors import AudioError
from processors.models import ModelStore
from processors.speaking.hibari_tts import HibariTts

Report = Callable[[int, int], None]
"""Is told how many turns are made, of how many."""


def corpus_folder() -> Path:
    """Where it lies unless told otherwise: this user's cache folder, as the platform has it."""
    from platformdirs import user_cache_path

    return user_cache_path("acore", appauthor=False) / "bench"


def ensure_corpus(folder: Path, models: ModelStore, on_progress: Report = lambda done, of: None) -> Manifest:
    """The corpus in `folder`, made there if it is not whole; it takes the place of the corpora of earlier versions.

    Takes about a minute the first time.

    Raises:
        AcoreError: a package or a model it is made from is not to be had.
    """
    home = folder / f"corpus-{VERSION}"
    if (home / "manifest.json").exists():
        return load_manifest(home / "manifest.json")
    work = folder / f"corpus-{VERSION}.partial"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    manifest = asyncio.run(_make(plan(), work, folder / "downloads", models, on_progress))
    manifest.save(work / "manifest.json")
    shutil.rmtree(home, ignore_errors=True)
    os.replace(work, home)
    for version in range(1, VERSION):
        shutil.rmtree(folder / f"corpus-{version}", ignore_errors=True)
    return manifest


def load_sound(folder: Path, turn: Turn) -> Pcm:
    """A turn's sound: 16 kHz mono int16.

    Raises:
        AudioError: it cannot be read, or is not the sound that the manifest describes.
    """
    path = folder / f"corpus-{VERSION}" / turn.file
    try:
        sound, rate_hz = soundfile.read(path, dtype="int16")
    except (OSError, soundfile.SoundFileError) as error:
        raise AudioError(f"the corpus's {path} cannot be read: {error}; delete {path.parent}") from None
    if rate_hz != RATE_HZ or hashlib.sha256(sound.tobytes()).hexdigest() != turn.sha256:
        raise AudioError(f"{path} is not the sound its manifest describes; delete {path.parent}")
    return np.asarray(sound, np.int16)


def corpus_id(turns: Sequence[Turn]) -> str:
    """Names the exact sounds of a run: equal ids, equal sounds."""
    return hashlib.sha256("".join(turn.sha256 for turn in turns).encode()).hexdigest()[:16]


def choose(manifest: Manifest, count: int | None, kinds: Sequence[Kind] = ()) -> tuple[Turn, ...]:
    """The first `count` turns of `kinds` (all, without one), in order, with the opener of every turn over the bot."""
    turns = manifest.turns
    opener_of = {turn.id: before for before, turn in pairwise(turns) if turn.kind.over_bot}
    wanted = set(kinds) or set(Kind)
    chosen: list[Turn] = []
    for turn in turns:
        if turn.kind not in wanted or turn in chosen:
            continue
        if turn.kind is Kind.OPENER and count is not None and len(chosen) + 1 >= count:
            continue
        if turn.id in opener_of and opener_of[turn.id] not in chosen:
            chosen.append(opener_of[turn.id])
        chosen.append(turn)
        if count is not None and len(chosen) >= count:
            break
    return tuple(chosen)


async def _make(
    recipes: Sequence[Recipe], work: Path, downloads: Path, models: ModelStore, on_progress: Report
) -> Manifest:
    tts = HibariTts(models)
    try:
        await tts.start()
        workshop = Workshop(tts, downloads)
        turns: list[Turn] = []
        for recipe in recipes:
            sound, turn = await build(recipe, workshop)
            soundfile.write(work / turn.file, sound, RATE_HZ, subtype="PCM_16")
            turns.append(turn)
            on_progress(len(turns), len(recipes))
        return Manifest(VERSION, tuple(turns))
    finally:
        await tts.close()
