"""`acore bench memory`: a small memory is filled and asked, and a turn is answered with and without it."""

import json
from pathlib import Path

from bench.corpus.manifest import VERSION, Kind, load_manifest
from bench.latency import Order
from bench.recall import run_recall
from bench.remembering import run_remembering
from bench.rooms import scripted
from personas.library import load_character
from pipeline.settings import Settings, load_settings


def test_a_memory_is_filled_and_asked_and_a_turn_answered_with_it_and_without(few_turns: Path, tmp_path: Path) -> None:
    manifest = load_manifest(few_turns / f"corpus-{VERSION}" / "manifest.json")
    plain = tuple(turn for turn in manifest.turns if turn.kind is Kind.PLAIN)
    answered: dict[str, int] = {}

    def play(folder: Path, settings: Settings) -> None:
        order = Order(plain, few_turns, tmp_path, "memory")
        found = run_remembering(order, settings, load_character("ava"), folder, lambda line: None)
        answered.update({name: of.v2v.count for name, of in found.items() if of.v2v})

    settings = scripted(load_settings(environ={}))
    figures, path = run_recall(400, 0, settings, tmp_path, lambda line: None, questions=20, then=play)

    assert figures.took is not None
    assert figures.took.count == 20
    assert 10 < figures.found <= 20, "most questions are about something that was said"
    assert len(figures.rss_mb) == 11
    assert json.loads(path.read_text())["figures"]["messages"] == 400
    assert answered == {"memory off": 1, "memory on": 1}
    assert json.loads((tmp_path / "memory.json").read_text())["ratios"].keys() == {"memory off"}
