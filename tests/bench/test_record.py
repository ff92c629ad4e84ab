"""`acore bench record` and the table of what must hold."""

import json
from pathlib import Path

import pytest

from bench.record import STEPS, run_record
from bench.targets import TARGETS, table
from processors.errors import AcoreError


def result(folder: Path, name: str, **content: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps(content))


def row(folder: Path, figure: str) -> str:
    return next(line for line in table(folder).splitlines() if line.startswith(f"| {figure}"))


def test_a_figure_within_its_target_holds_and_one_beyond_it_is_missed(tmp_path: Path) -> None:
    result(tmp_path, "overhead", own={"p50": 9.4, "p95": 31.0})
    result(tmp_path, "load", limit=64)
    result(tmp_path, "compare", ratios={"pipecat": 0.31, "sequential": 0.12})

    assert row(tmp_path, "own overhead") == "| own overhead, p50 / p95 | <= 15 / 30 ms | 9.4 / 31 ms | **missed** |"
    assert row(tmp_path, "rooms a core").endswith("| 64 | holds |")
    assert row(tmp_path, "ours / stock Pipecat").endswith("| 0.31 | **missed** |")
    assert row(tmp_path, "ours / sequential").endswith("| 0.12 | holds |")


def test_a_figure_nobody_measured_is_said_to_be_so(tmp_path: Path) -> None:
    result(tmp_path, "compare", ratios={"pipecat": 0.2})

    assert row(tmp_path, "ours / LiveKit Agents").endswith("| not measured | |")
    assert row(tmp_path, "memory growth").endswith("| not measured | |")


def test_the_wire_is_judged_under_the_load_that_is_worse_for_it(tmp_path: Path) -> None:
    figures = {name: {"p50": 1.0, "p95": 2.0} for name in ("packet_to_ear", "pcm_to_packet", "decision_to_last_packet")}
    busy = {name: {"p50": 1.5, "p95": 9.0} for name in figures}
    result(tmp_path, "wire", figures={"idle": figures, "busy": busy})

    assert row(tmp_path, "packet in to the ear").endswith("| 1.5 / 9 ms | **missed** |")


def test_what_memory_adds_is_told_of_the_medians_and_of_each_turn_answered_with_and_without(tmp_path: Path) -> None:
    heard = {"memory off": {"a": 300, "b": 310, "c": 550}, "memory on": {"a": 301, "b": 540, "c": 552, "d": 560}}
    designs = {
        name: {
            "figures": {"v2v": {"p50": list(v2v.values())[1]}},
            "outcomes": [*({"id": id, "v2v_ms": ms} for id, ms in v2v.items()), {"id": "e", "v2v_ms": None}],
        }
        for name, v2v in heard.items()
    }
    result(tmp_path, "memory", designs=designs)

    assert row(tmp_path, "memory on, against off").endswith("| 230 ms | **missed** |")
    assert row(tmp_path, "the same turn by turn").endswith("| 2 ms | holds |")


def test_every_target_but_the_soak_is_measured_by_a_step_of_the_record() -> None:
    benches = {step[0] for step in STEPS} | {"recall"}  # A part of memory.

    assert {target.result.split("-")[0] for target in TARGETS} - benches == {"soak"}


def test_the_record_runs_each_bench_and_writes_the_table(few_turns: Path, tmp_path: Path) -> None:
    path = run_record(None, few_turns, tmp_path, lambda line: None, [("overhead", "--turns", "1")])

    assert "own overhead" in path.read_text()
    assert "cores; commit" in path.read_text()
    assert "holds" in row(tmp_path, "own overhead") or "missed" in row(tmp_path, "own overhead")


def test_a_bench_that_fails_ends_the_record(few_turns: Path, tmp_path: Path) -> None:
    with pytest.raises(AcoreError, match="bench load ended with status"):
        run_record(None, few_turns, tmp_path, lambda line: None, [("load", "--rooms", "none")])
