"""The micro-benchmarks run: each once, untimed."""

import subprocess
import sys
from pathlib import Path


def test_every_hot_path_has_a_benchmark_that_runs() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "bench/micro", "--benchmark-disable", "--reruns", "0"]

    found = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)

    assert found.returncode == 0, found.stdout[-2000:]
    assert "12 passed" in found.stdout
