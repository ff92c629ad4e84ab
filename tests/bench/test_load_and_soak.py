"""`acore bench load` and `acore bench soak`: one room for some seconds."""

import json
from pathlib import Path

import pytest

from bench.load import run_load
from bench.soak import Sample, growth_percent, run_soak
from pipeline.settings import load_settings


def test_a_room_is_spoken_to_and_its_cost_measured(few_turns: Path, tmp_path: Path) -> None:
    lines: list[str] = []

    _, path = run_load([1], 1, 4.0, load_settings(environ={}), few_turns, tmp_path, lines.append)

    [step] = json.loads(path.read_text())["steps"]
    assert step["rooms"] == 1
    assert step["packets"] > 10, "the bot was heard"
    assert 0 < step["cpu_percent"] < 100
    assert len(lines) == 1
    assert path.with_suffix(".png").stat().st_size > 10_000


def test_memory_is_watched_while_a_room_talks(few_turns: Path, tmp_path: Path) -> None:
    growth, path = run_soak(0.2, 1, load_settings(environ={}), few_turns, tmp_path, lambda line: None)

    content = json.loads(path.read_text())
    assert growth == content["growth_percent"]
    assert content["samples"][-1]["turns"] > 0
    assert all(sample["rss_mb"] > 20 for sample in content["samples"])
    assert path.with_suffix(".png").stat().st_size > 5_000


def test_growth_is_that_of_the_line_behind_the_warm_up() -> None:
    def sample(minute: float, rss_mb: float) -> Sample:
        return Sample(minute, rss_mb, tasks=1, threads=1, objects=1, turns=0, hop_p99_ms=0.0)

    samples = [sample(0, 50), sample(1, 90), *(sample(minute, 100 + minute / 8) for minute in range(2, 10))]

    assert growth_percent(samples) == pytest.approx(100 * (7 / 8) / 100.25, abs=0.01)
