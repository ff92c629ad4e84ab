"""What the tests of memory share."""

import asyncio
from pathlib import Path

import pytest

from processors.memory.vectors import ChromaVectors


@pytest.fixture(scope="session")
def chroma_loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Chroma has been used once: its runtime keeps a pair of sockets for as long as the process lives."""

    async def use(folder: Path) -> None:
        vectors = ChromaVectors(folder)
        await vectors.start()
        await vectors.close()

    asyncio.run(use(tmp_path_factory.mktemp("chroma")))
