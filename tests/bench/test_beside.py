"""`acore bench text`: the voice room alone, and while text channels chat."""

import json
from pathlib import Path

from bench.beside import run_text
from bench.corpus.manifest import VERSION, Kind, load_manifest
from bench.latency import Order
from bench.rooms import scripted
from personas.library import load_character
from pipeline.settings import load_settings


def test_the_same_turns_are_answered_alone_and_beside_chatting_channels(few_turns: Path, tmp_path: Path) -> None:
    plain = [
        turn
        for turn in load_manifest(few_turns / f"corpus-{VERSION}" / "manifest.json").turns
        if turn.kind is Kind.PLAIN
    ]
    order = Order(tuple(plain), few_turns, tmp_path, "text", speed="fast")
    lines: list[str] = []

    figures = run_text(order, scripted(load_settings(environ={})), load_character("ava"), lines.append, channels=3)

    assert {name: of.v2v.count for name, of in figures.items() if of.v2v} == {"alone": 1, "with text": 1}
    assert int(lines[-1].split()[0]) >= 3, "every channel was answered"
    content = json.loads((tmp_path / "text.json").read_text())
    assert content["bench"] == "text"
    assert set(content["ratios"]) == {"alone"}
    assert (tmp_path / "text.html").exists()
