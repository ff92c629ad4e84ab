"""`acore bench start`: one real start, and what it comes to."""

import json
from pathlib import Path

import pytest

from bench.start import StartFigures, in_words, run_start
from bench.targets import TARGETS


def test_a_bot_that_only_writes_is_started_asked_and_measured(tmp_path: Path) -> None:
    figures, path = run_start(["text words"], 1, tmp_path, print, settle_s=0)

    [one] = figures["text words"]
    assert 0.2 < one.ready_s < 60
    assert 50 < one.rss_mb <= one.peak_mb < 200
    assert json.loads(path.read_text())["figures"]["text words"][0]["rss_mb"] == one.rss_mb


def test_the_median_of_the_starts_is_told() -> None:
    starts = [StartFigures(3.0, 100, 300), StartFigures(1.0, 120, 500), StartFigures(1.5, 300, 400)]
    assert in_words(starts) == "ready after 1.50 s, 120 MB resident, 400 MB at most"


@pytest.mark.parametrize("case", ["text words", "text elsewhere", "text", "voice"])
def test_every_case_has_a_target(case: str) -> None:
    starts = {
        name: [{"ready_s": 1.0, "rss_mb": 7.0 if name == case else 1.0}]
        for name in ("text words", "text elsewhere", "text", "voice")
    }
    found = [target.read({"figures": starts}) for target in TARGETS if target.result == "start"]
    assert (7.0,) in found
