"""What the index of meanings reserves and stores holds nothing of what this process had in memory before."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys
import numpy as np
from pathlib import Path
from processors.memory.vectors import ChromaVectors

async def main() -> None:
    vectors = ChromaVectors(Path(sys.argv[1]))
    await vectors.start()
    meanings = np.eye(3, 384, dtype=np.float32)
    await vectors.add("m-test", [1, 2, 3], meanings)
    await vectors.nearest(["m-test"], meanings[0], 2)
    await vectors.close()

asyncio.run(main())
"""
BEFORE = 0x5A
"""What everything allocated holds in the child, in place of somebody's sound."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told what new memory holds")
def test_what_is_reserved_and_stored_was_blank(tmp_path: Path):
    environ = {**os.environ, "MALLOC_PERTURB_": str(BEFORE ^ 0xFF)}
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], env=environ, check=True, timeout=120)
    stored = list(tmp_path.rglob("data_level0.bin"))
    assert stored, "the index is on disk"
    for path in stored:
        assert bytes([BEFORE]) * 64 not in path.read_bytes()
