"""`acore bench latency` and `acore bench compare` on a corpus of two turns, on a clock that jumps over waiting."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench import latency
from bench.compare import run_compare
from bench.corpus.manifest import VERSION, Turn, load_manifest
from bench.latency import Order, run_latency
from bench.rooms import scripted
from personas.library import load_character
from pipeline.settings import Settings, load_settings
from processors.errors import SettingError


def settings() -> Settings:
    base = scripted(load_settings(environ={}))
    hearing = base.hearing.model_copy(update={"scripted_lines": ("What are you talking about?",)})
    return base.model_copy(update={"hearing": hearing})


def turns(folder: Path) -> tuple[Turn, ...]:
    return load_manifest(folder / f"corpus-{VERSION}" / "manifest.json").turns


def test_the_figures_are_those_of_the_recording_and_lie_beside_their_pictures(few_turns: Path, tmp_path: Path) -> None:
    order = Order(turns(few_turns), few_turns, tmp_path, "latency-balanced", speed="fast")

    figures, path = run_latency(order, settings(), load_character("ava"), lambda line: None)

    assert figures.v2v is not None
    assert figures.v2v.count == 1, "what is said over the bot has no voice to voice"
    assert 200 <= figures.v2v.p50 <= 900
    assert (figures.missed, figures.answered_twice) == ((), ())
    assert figures.wer == 0
    content = json.loads(path.read_text())
    assert content["bench"] == "latency"
    assert [one["id"] for one in content["outcomes"]] == ["plain-01", "talk-over-01"]
    assert content["figures"]["v2v"]["p50"] == pytest.approx(figures.v2v.p50, abs=0.1)
    assert content["stages"], "where the time goes"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        f"latency-balanced.{end}" for end in ("html", "json", "png")
    ]


def test_a_run_that_was_stopped_goes_on_behind_its_last_block(
    few_turns: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = turns(few_turns)[0]
    order = Order((plain, replace(plain, id="plain-02")), few_turns, tmp_path, "latency", speed="fast")
    monkeypatch.setattr(latency, "blocks", lambda given: ((turn,) for turn in given))
    said: list[str] = []

    def stop_after_one(line: str) -> None:
        said.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_latency(order, settings(), load_character("ava"), stop_after_one)
    assert not (tmp_path / "latency.json").exists()
    figures, _ = run_latency(order, settings(), load_character("ava"), said.append)

    assert [line.split()[0] for line in said] == ["1/2", "2/2"]
    assert figures.v2v is not None
    assert figures.v2v.count == 2


def test_the_designs_get_the_same_turns_and_the_ratio_of_ours_to_theirs_is_said(
    few_turns: Path, tmp_path: Path
) -> None:
    order = Order(turns(few_turns)[:1], few_turns, tmp_path, "compare", speed="fast")

    figures = run_compare(order, ["acore", "sequential"], settings(), load_character("ava"), lambda line: None)

    ours, theirs = figures["acore"].v2v, figures["sequential"].v2v
    assert ours is not None
    assert theirs is not None
    assert theirs.p50 > 1000, "it waits for a second of silence"
    content = json.loads((tmp_path / "compare.json").read_text())
    assert content["ratios"] == {"sequential": pytest.approx(ours.p50 / theirs.p50, abs=0.001)}
    assert set(content["designs"]) == {"acore", "sequential"}
    assert (tmp_path / "compare.png").stat().st_size > 10_000
    assert (tmp_path / "compare.html").exists()


def test_a_design_that_is_not_there_is_named(few_turns: Path, tmp_path: Path) -> None:
    order = Order(turns(few_turns), few_turns, tmp_path, "compare", speed="fast")

    with pytest.raises(SettingError, match="there is no design 'pipcat'; there are: acore, pipecat"):
        run_compare(order, ["acore", "pipcat"], settings(), load_character("ava"), lambda line: None)
