"""A corpus of a few turns, made in a second out of what is installed with Acore."""

import asyncio
from pathlib import Path

import pytest
import soundfile

from bench.corpus.build import Workshop, build
from bench.corpus.levels import RATE_HZ
from bench.corpus.manifest import VERSION, Kind, Manifest, Turn
from bench.corpus.plan import Recipe
from bench.corpus.recordings import SENTENCES
from processors.speaking.scripted import ScriptedTts


@pytest.fixture(scope="session")
def few_turns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus's folder: a human question of a second, once as a question and once as something said over the bot."""
    folder = tmp_path_factory.mktemp("corpus")
    home = folder / f"corpus-{VERSION}"
    home.mkdir()
    workshop = Workshop(ScriptedTts(), folder / "downloads")
    question = next(clip for clip in SENTENCES if clip.voice == "actor")

    async def make() -> Manifest:
        turns: list[Turn] = []
        for recipe in (Recipe("plain-01", Kind.PLAIN, question), Recipe("talk-over-01", Kind.TALK_OVER, question)):
            sound, turn = await build(recipe, workshop)
            soundfile.write(home / turn.file, sound, RATE_HZ, subtype="PCM_16")
            turns.append(turn)
        return Manifest(VERSION, tuple(turns))

    asyncio.run(make()).save(home / "manifest.json")
    return folder
