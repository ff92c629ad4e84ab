"""`acore bench`: what it refuses, and that asking for help loads nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.corpus.manifest import VERSION, Kind, Manifest, Turn
from bench.figures import Figures
from bench.latency import Order
from pipeline.cli import app
from processors.errors import SettingError


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A corpus of which only the manifest is there."""
    turns = [Turn(f"plain-0{n}", Kind.PLAIN, "somebody", True, "hello", "a.wav", "ab", 1000, 0, 900) for n in (1, 2)]
    home = tmp_path / f"corpus-{VERSION}"
    home.mkdir()
    Manifest(VERSION, tuple(turns)).save(home / "manifest.json")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["latency", "--kinds", "plain,shout"], "--kinds names 'shout'; there are: plain, pause"),
        (["latency", "--profile", "hasty"], "--profile is 'hasty'; it must be snappy, balanced or patient"),
        (["compare", "--designs", "acore,telepathy"], "there is no design 'telepathy'"),
        (["load", "--rooms", "many"], "--rooms is 'many'"),
        (["load", "--engines", "steam"], "--engines is 'steam'; it must be scripted or embedded"),
        (["wire", "--loads", "frantic"], "--loads is 'frantic'"),
    ],
)
def test_a_wrong_option_is_refused_by_name(arguments: list[str], message: str, corpus: Path, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out"), "--corpus", str(corpus)]

    result = CliRunner().invoke(app, ["bench", *arguments, *out])

    assert isinstance(result.exception, SettingError)
    assert message in str(result.exception)


def test_compare_plays_every_kind_that_waits_for_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [Turn(f"{kind}-01", kind, "somebody", True, "hello", "a.wav", "ab", 1000, 0, 900) for kind in Kind]
    home = tmp_path / f"corpus-{VERSION}"
    home.mkdir()
    Manifest(VERSION, tuple(turns)).save(home / "manifest.json")
    played: list[Turn] = []

    def note(order: Order, *rest: object) -> dict[str, Figures]:
        played.extend(order.turns)
        return {}

    monkeypatch.setattr("bench.compare.run_compare", note)

    CliRunner().invoke(app, ["bench", "compare", "--corpus", str(tmp_path)])

    # An opener is there for what is said over the answer to it.
    assert {turn.kind for turn in played} == {kind for kind in Kind if not kind.over_bot} - {Kind.OPENER}


def test_a_case_that_the_start_does_not_know_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "start", "--only", "text,tea", "--out", str(tmp_path)])

    assert isinstance(result.exception, SettingError)
    assert "--only names 'tea'; there are: text elsewhere, text words, text, voice" in str(result.exception)


def test_the_corpus_says_what_is_in_it(corpus: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "corpus", "--corpus", str(corpus)])

    assert result.exit_code == 0
    assert "2 turns, 2 by people" in result.output
    assert "2 plain" in result.output


def test_help_loads_neither_pipecat_nor_numpy() -> None:
    code = (
        "import sys, pipeline.cli_bench; print([name for name in ('pipecat', 'numpy', 'bench') if name in sys.modules])"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
