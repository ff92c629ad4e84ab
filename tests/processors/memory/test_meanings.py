"""The real model and the real ChromaDB, in this process: no download, no telemetry, no thread left."""

import asyncio
import os
import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from processors.errors import SettingError
from processors.lanes import Priority
from processors.memory.embedding import DIMENSIONS, MiniLm
from processors.memory.service import running_memory
from processors.memory.settings import MemorySettings
from processors.memory.vectors import ChromaVectors
from processors.models import ModelStore
from tests.processors.memory.talk import CHANNEL, DAY_S, VOICE, Talk, WallClock

pytestmark = pytest.mark.usefixtures("chroma_loaded")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX:
            raise AssertionError(f"a connection to {address} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)


async def test_texts_that_mean_alike_are_nearer_than_others(no_network: None) -> None:
    embedder = MiniLm(ModelStore(offline=True))
    try:
        await embedder.start()
        texts = ["My dog is called Rex", "I have a puppy named Rex", "The stock market fell on Monday"]
        dog, puppy, market = await embedder.embed(texts)
        alone = await embedder.embed(texts[:1], priority=Priority.LIVE)
        assert dog @ puppy > 0.6
        assert dog @ market < 0.25
        assert np.linalg.norm(dog) == pytest.approx(1, abs=1e-3)
        # Padding in a batch changes the int8 network's rounding, and nothing else.
        assert dog @ alone[0] > 0.98
        assert (await embedder.embed([])).shape == (0, DIMENSIONS)
        assert (await embedder.embed(["word " * 5000])).shape == (1, DIMENSIONS)
    finally:
        await embedder.close()


def rows(*numbers: int) -> np.ndarray:
    return np.eye(DIMENSIONS, dtype=np.float32)[list(numbers)]


async def test_chroma_keeps_meanings_over_a_restart_and_forgets_them(tmp_path: Path, no_network: None) -> None:
    vectors = ChromaVectors(tmp_path / "vectors")
    assert await vectors.start() is False
    await vectors.add("m-one", [1, 2, 3], rows(0, 1, 2))
    await vectors.add("m-two", [4], rows(1))
    await vectors.close()

    vectors = ChromaVectors(tmp_path / "vectors")
    assert await vectors.start() is True
    near = await vectors.nearest(["m-one", "m-two", "m-none"], rows(1)[0], 2)
    assert [one.id for one in near] in ([2, 4], [4, 2])
    assert near[0].likeness == pytest.approx(1)
    await vectors.remove("m-one", [2, 99])
    await vectors.remove("m-none", [1])
    assert [one.id for one in await vectors.nearest(["m-one"], rows(1)[0], 5)] != [2]
    assert await vectors.count("m-one") == 2
    assert await vectors.count("m-none") == 0
    await vectors.clear()
    assert await vectors.nearest(["m-one", "m-two"], rows(1)[0], 5) == ()
    await vectors.close()


async def test_an_index_that_cannot_be_opened_is_set_aside(tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    folder.mkdir()
    (folder / "chroma.sqlite3").write_bytes(os.urandom(8192))
    vectors = ChromaVectors(folder)
    assert await vectors.start() is False
    await vectors.add("m-one", [1], rows(0))
    assert await vectors.count("m-one") == 1
    await vectors.close()
    assert len(list(await asyncio.to_thread(lambda: [*tmp_path.glob("vectors.damaged-*")]))) == 1


async def test_a_server_s_address_must_be_one(tmp_path: Path) -> None:
    vectors = ChromaVectors(tmp_path, "localhost:8000")
    with pytest.raises(SettingError, match="MEMORY_CHROMA_URL"):
        await vectors.start()
    await vectors.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a niceness of its own only there")
async def test_every_thread_of_the_index_leaves_the_cores_to_the_conversation(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/task"))
    vectors = ChromaVectors(tmp_path / "vectors")
    await vectors.start()
    await vectors.add("m-one", [1], rows(0))
    begun = set(os.listdir("/proc/self/task")) - before
    assert begun
    assert {os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in begun} == {10}
    await vectors.close()


async def test_a_memory_with_the_default_settings_finds_what_shares_no_word(tmp_path: Path, no_network: None) -> None:
    clock = WallClock()
    settings = MemorySettings.model_validate({"recall": {"deadline_ms": 2000}})
    async with running_memory(tmp_path, settings, ModelStore(offline=True), clock) as memory:
        talk = Talk(memory, clock, None, None, settings)  # type: ignore[arg-type]
        talk.say("I work as a baker in the old town", scene=VOICE)
        talk.say("Trains are late again", scene=VOICE)
        clock.pass_by(8 * DAY_S)
        async with asyncio.timeout(60):
            while not (memory.index and memory.index.upto == 2):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        found = await talk.recall("What is my profession?")
        assert found == ("1 week ago, Ann said: I work as a baker in the old town",)
        assert await talk.recall("What is my profession?", scene=CHANNEL, by="grumm") == ()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("lane-")]
