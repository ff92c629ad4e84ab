"""The index of meanings on a real Chroma server, on loopback."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from processors.errors import EngineError
from processors.memory.embedding import DIMENSIONS
from processors.memory.vectors import ChromaVectors, Meaning
from tests.conftest import check_what_is_left, running_threads
from tests.processors.memory.meanings import ScriptedEmbedder

CHROMA = Path(sys.executable).with_name("chroma")
START_S = 60.0

pytestmark = [
    pytest.mark.usefixtures("chroma_loaded"),
    pytest.mark.skipif(not CHROMA.exists(), reason="the chroma command is not installed"),
]


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Threads only: Chroma's client keeps its connection until it is collected."""
    threads = running_threads()
    yield
    check_what_is_left(threads, None)


@dataclass
class Server:
    """`chroma run` in a process of its own."""

    folder: Path
    port: int
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        command = ("run", "--path", str(self.folder), "--host", "127.0.0.1", "--port", str(self.port))
        self.process = await asyncio.create_subprocess_exec(
            CHROMA,
            *command,
            env={**os.environ, "ANONYMIZED_TELEMETRY": "False"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(START_S):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                assert self.process.returncode is None, "the server has ended"
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        process, self.process = self.process, None
        if process and process.returncode is None:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def chroma_server(folder: Path) -> AsyncIterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(folder, port)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


def rows(*numbers: int) -> np.ndarray:
    return np.eye(DIMENSIONS, dtype=np.float32)[list(numbers)]


async def ids(vectors: ChromaVectors, shelf: str, number: int) -> list[int]:
    return [one.id for one in await vectors.nearest([shelf], rows(number)[0], 5) if one.likeness > 0.9]


async def test_a_server_keeps_meanings_like_a_folder_and_others_shelves_are_left_alone(tmp_path: Path) -> None:
    async with chroma_server(tmp_path / "server") as server:
        vectors, others = (ChromaVectors(tmp_path / "unused", server.url) for _ in range(2))
        try:
            assert await vectors.start() is False
            await vectors.add("m-one", [1, 2, 3], rows(0, 1, 2))
            await vectors.add("m-two", [4], rows(1))
            assert await ids(vectors, "m-one", 1) == [2]
            await vectors.remove("m-one", [2, 99])
            assert await ids(vectors, "m-one", 1) == []
            assert await vectors.count("m-one") == 2
            await others.start()
            await others.add("somebody-elses", [1], rows(0))
        finally:
            await vectors.close()

        vectors = ChromaVectors(tmp_path / "unused", server.url)
        try:
            assert await vectors.start() is True
            assert await ids(vectors, "m-two", 1) == [4]
            await vectors.clear()
            assert await vectors.count("m-one") == await vectors.count("m-two") == 0
            assert await ids(others, "somebody-elses", 0) == [1]
        finally:
            await vectors.close()
            await others.close()
    assert not (tmp_path / "unused").exists()


async def test_while_the_server_is_down_words_remain_and_it_is_used_again_once_it_is_back(tmp_path: Path) -> None:
    async with chroma_server(tmp_path / "server") as server:
        vectors = ChromaVectors(tmp_path / "unused", server.url)
        meaning = Meaning(ScriptedEmbedder(), vectors)
        try:
            await vectors.start()
            [violin] = await meaning.embedder.embed(["violin"])
            await vectors.add("m-one", [1], violin[None])
            await server.stop()
            with pytest.raises(EngineError):
                await vectors.add("m-one", [2], rows(1))
            assert await meaning.nearest(["m-one"], "violin", 5) == ()
            await server.start()
            assert [one.id for one in await meaning.nearest(["m-one"], "violin", 5)] == [1]
        finally:
            await meaning.close()


async def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        vectors = ChromaVectors(tmp_path / "unused", url)
        with pytest.raises(EngineError, match=f"no Chroma server answers at {url} \\(MEMORY_CHROMA_URL\\)"):
            await vectors.start()
        await vectors.close()
