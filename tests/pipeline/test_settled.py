"""What is loaded before and behind the talk is kept out of the garbage collector's way."""

import asyncio
import gc
from pathlib import Path

import pytest

from pipeline.loop import settle_more, settled
from pipeline.memory import memory_of
from pipeline.settings import load_settings
from tests.processors.memory.meanings import ScriptedEmbedder, ScriptedVectors

MANY = 20_000


def test_what_is_loaded_while_settled_need_not_be_walked_either() -> None:
    kept = [[] for _ in range(MANY)]
    settle_more()
    assert gc.get_freeze_count() == 0, "nothing has settled yet"
    with settled():
        frozen = gc.get_freeze_count()
        assert frozen >= MANY
        kept += [[] for _ in range(MANY)]
        assert gc.get_freeze_count() == frozen
        settle_more()
        assert gc.get_freeze_count() >= frozen + MANY
    assert gc.get_freeze_count() == 0
    assert len(kept) == 2 * MANY


class Large(ScriptedVectors):
    """Takes as many objects as a library does."""

    async def start(self) -> bool:
        self.modules = [[] for _ in range(MANY)]
        return await super().start()


async def test_the_search_by_meaning_which_is_loaded_last_is_settled_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processors.memory.service.MiniLm", lambda store: ScriptedEmbedder())
    monkeypatch.setattr("processors.memory.service.ChromaVectors", lambda folder, url: Large())
    loaded = asyncio.Event()
    async with memory_of(load_settings(environ={"ACORE_DATA_DIR": str(tmp_path)}), loaded) as memory:
        assert memory
        with settled():
            frozen = gc.get_freeze_count()
            loaded.set()
            async with asyncio.timeout(10):
                while memory.memory.index is None or gc.get_freeze_count() < frozen + MANY:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
