"""`acore bench wire`: the arithmetic on times that are known, and one short call."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.wire import durations, run_wire, wire_lines

MS = 1_000_000


def told(**times_ms: Sequence[float]) -> dict:
    known = {"pcm_ns": [], "decided_ns": [], "sent_ns": [], **{name: times_ms[name] for name in times_ms}}
    return {"to_ear_ms": [1.0], **{name: [round(at * MS) for at in values] for name, values in known.items()}}


def test_the_first_packet_behind_the_first_sound_is_its_own() -> None:
    found = durations(told(pcm_ns=[100, 5000], sent_ns=[104, 124, 5010]), [])

    assert found["pcm_to_packet"] == [4, 10]


def test_packets_behind_a_decision_are_those_of_the_reply_it_stops() -> None:
    sent = [1000, 1020, 1040, 3000, 3020]

    found = durations(told(decided_ns=[1005, 2000], sent_ns=sent), [round(at * MS) for at in (1001, 1043, 3001)])

    assert found["decision_to_last_packet"] == [35, 0]
    assert found["decision_to_last_heard"] == [38, 0]


def test_spacing_is_counted_within_replies() -> None:
    assert durations(told(sent_ns=[0, 20, 45, 2000, 2020]), [])["spacing"] == [20, 25, 20]


def test_a_bot_is_called_talked_over_and_measured(few_turns: Path, tmp_path: Path) -> None:
    figures, path = run_wire(1, ["idle"], few_turns, tmp_path, print)

    idle = figures["idle"]
    assert idle.packet_to_ear is not None
    assert idle.packet_to_ear.count > 30
    assert idle.pcm_to_packet is not None
    assert idle.decision_to_last_packet is not None
    assert idle.decision_to_last_packet.count == 1
    assert idle.spacing is not None
    assert idle.spacing.p50 == pytest.approx(20, abs=2)
    assert len(wire_lines(figures)) == 5
    assert json.loads(path.read_text())["figures"]["idle"]["spacing"]["p50"] == idle.spacing.p50
    assert path.with_suffix(".png").stat().st_size > 10_000
