"""`acore bench memory`: a small memory is filled and asked."""

import json
from pathlib import Path

from bench.recall import run_recall
from processors.models import ModelStore


def test_a_memory_is_filled_and_asked(tmp_path: Path) -> None:
    figures, path = run_recall(400, 0, ModelStore(), tmp_path, lambda line: None, questions=20)

    assert figures.took is not None
    assert figures.took.count == 20
    assert 10 < figures.found <= 20, "most questions are about something that was said"
    assert len(figures.rss_mb) == 11
    assert json.loads(path.read_text())["figures"]["messages"] == 400
