"""`acore bench load` and `acore bench soak`: one room for some seconds."""

import json
from pathlib import Path

from bench.load import run_load
from bench.soak import run_soak
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


def test_on_the_embedded_engines_it_tells_how_late_answers_are(few_turns: Path, tmp_path: Path) -> None:
    settings = load_settings(environ={"LANGUAGE_SAMPLING_MAX_TOKENS": "12"})

    _, path = run_load([1], 1, 12.0, settings, few_turns, tmp_path, lambda line: None, real=True)

    content = json.loads(path.read_text())
    [step] = content["steps"]
    assert path.name == "load-embedded.json"
    assert content["settings"]["engines"] == "moonshine, embedded, hibari"
    assert step["answered"] > 0
    # No answer can begin before the silence was long enough to be one's end.
    assert step["v2v_p95_ms"] >= step["v2v_p50_ms"] >= settings.turns.complete_ms
    assert path.with_suffix(".png").stat().st_size > 10_000


def test_memory_is_watched_while_a_room_talks(few_turns: Path, tmp_path: Path) -> None:
    growth, path = run_soak(0.2, 1, load_settings(environ={}), few_turns, tmp_path, lambda line: None)

    content = json.loads(path.read_text())
    assert growth == content["growth_percent"]
    assert content["samples"][-1]["turns"] > 0
    assert all(sample["rss_mb"] > 20 for sample in content["samples"])
    assert path.with_suffix(".png").stat().st_size > 5_000
