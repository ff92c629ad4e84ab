"""Result files, the ledger that lets a run go on, pictures and pages."""

from dataclasses import asdict
from pathlib import Path

from bench.charts import write_compare_chart, write_latency_chart, write_load_chart, write_soak_chart
from bench.corpus.manifest import Kind, Turn
from bench.figures import summarise
from bench.latency import blocks
from bench.measure import Outcome
from bench.page import figure_lines, write_compare_page, write_latency_page
from bench.results import Ledger, Progress, provenance, write_result
from bench.soak import Sample, growth_percent

STAGES = {"silence": 150.0, "stt": 100.0, "llm": 90.0, "tts": 30.0}


def turn(name: str, kind: Kind = Kind.PLAIN) -> Turn:
    return Turn(name, kind, "somebody", True, "<b>hello</b>", "a.wav", "", 1100, 0, 1000)


def outcome(name: str, v2v_ms: float) -> Outcome:
    return Outcome(name, Kind.PLAIN, True, v2v_ms=v2v_ms, answers=1, heard="<b>hello</b>", stages=STAGES)


def latency_content() -> dict:
    outcomes = [outcome("plain-01", 370), outcome("plain-02", 410)]
    figures = summarise(outcomes, [turn("plain-01"), turn("plain-02")]).to_json()
    entries = [asdict(one) for one in outcomes]
    spreads = {name: {"count": 2, "p50": ms, "p95": ms, "p99": ms, "worst": ms} for name, ms in STAGES.items()}
    return {"bench": "latency", **provenance(speed="fast"), "figures": figures, "stages": spreads, "outcomes": entries}


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "run.partial.jsonl"
    ledger = Ledger(path, {"commit": "a"})
    ledger.add("acore", ["plain-01", "talk-over-01"], [outcome("plain-01", 400)])

    again = Ledger(path, {"commit": "a"})

    assert again.done("acore") == {"plain-01", "talk-over-01"}
    assert again.outcomes("acore") == [outcome("plain-01", 400)]
    assert again.done("pipecat") == set()


def test_a_ledger_of_another_run_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "run.partial.jsonl"
    Ledger(path, {"commit": "a"}).add("acore", ["plain-01"], [outcome("plain-01", 400)])

    assert Ledger(path, {"commit": "b"}).done("acore") == set()


def test_a_conversation_never_ends_between_an_opener_and_what_is_said_over_it() -> None:
    turns = [turn("a"), turn("opener", Kind.OPENER), turn("over", Kind.TALK_OVER), turn("b")]

    assert [[one.id for one in block] for block in blocks(turns, 2)] == [["a", "opener", "over"], ["b"]]


def test_progress_says_how_long_the_rest_will_take() -> None:
    told: list[str] = []

    Progress(10, told.append, done=4).step(3, "fine")

    assert told[0].startswith("7/10  fine  about")


def test_a_result_says_what_it_was_measured_on() -> None:
    source = provenance(turns=3)

    assert source["machine"]["cores"] >= 1
    assert source["versions"]["pipecat-ai"]
    assert source["settings"] == {"turns": 3}


def test_the_latency_result_becomes_a_picture_and_a_page_that_escapes_what_was_heard(tmp_path: Path) -> None:
    result = tmp_path / "latency.json"
    write_result(result, latency_content())

    write_latency_chart(result, tmp_path / "latency.png")
    write_latency_page(result, tmp_path / "latency.html")

    page = (tmp_path / "latency.html").read_text()
    assert (tmp_path / "latency.png").read_bytes().startswith(b"\x89PNG")
    assert "&lt;b&gt;hello" in page
    assert "data:image/png;base64," in page
    assert "390 / 408 / 410 ms" in page


def test_the_comparison_shows_every_design_and_the_ratio(tmp_path: Path) -> None:
    one = latency_content()
    designs = {
        name: {"what": name, "figures": one["figures"], "outcomes": one["outcomes"]} for name in ("acore", "other")
    }
    result = tmp_path / "compare.json"
    write_result(result, {**provenance(), "ratios": {"other": 0.25}, "designs": designs})

    write_compare_chart(result, tmp_path / "compare.png")
    write_compare_page(result, tmp_path / "compare.html")

    page = (tmp_path / "compare.html").read_text()
    assert "<td>other</td><td>0.25</td>" in page
    assert page.count("<th>other</th>") == 1


def test_load_and_soak_are_drawn(tmp_path: Path) -> None:
    hops, answers = {"hop_p50_ms": 1.0, "hop_p99_ms": 2.0}, {"v2v_p50_ms": 290.0, "v2v_p95_ms": 400.0}
    step = {"rooms": 1, **hops, **answers, "cpu_percent": 5.0}
    write_result(tmp_path / "load.json", {**provenance(budget_ms=20.0), "steps": [step, {**step, "rooms": 9}]})
    write_result(tmp_path / "soak.json", {"samples": [{"minute": 1, "rss_mb": 100.0}, {"minute": 2, "rss_mb": 101.0}]})

    write_load_chart(tmp_path / "load.json", tmp_path / "load.png")
    write_soak_chart(tmp_path / "soak.json", tmp_path / "soak.png")

    assert (tmp_path / "load.png").stat().st_size > 1000
    assert (tmp_path / "soak.png").stat().st_size > 1000


def test_growth_is_taken_behind_the_warm_up() -> None:
    sizes = [50.0, 80.0, *[100.0 + 0.5 * step for step in range(8)]]
    samples = [Sample(float(minute), mb, 1, 1, 1, 1, 1.0) for minute, mb in enumerate(sizes)]

    assert growth_percent(samples) == 3.5


def test_the_figures_are_listed_in_words() -> None:
    lines = dict(figure_lines(latency_content()["figures"]))

    assert lines["voice to voice, p50 / p95 / p99"] == "390 / 408 / 410 ms (2)"
    assert lines["missed"] == "0"
