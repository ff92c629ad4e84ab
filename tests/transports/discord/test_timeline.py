from hypothesis import given
from hypothesis import strategies as st

from transports.discord.timeline import FRAME_S, Timeline

PATIENCE_S = 0.06


def speaking_until(now_s: float) -> Timeline:
    return Timeline(due_s=now_s, last_packet_s=now_s - FRAME_S)


def test_no_silence_while_packets_come():
    line = speaking_until(1.0)
    assert line.silence_due(1.0 + PATIENCE_S - 0.001, PATIENCE_S) == 0


def test_the_silence_after_the_patience_covers_the_time_waited():
    line = speaking_until(1.0)
    assert line.silence_due(1.065, PATIENCE_S) == 4
    assert line.silence_due(1.07, PATIENCE_S) == 0
    assert line.silence_due(1.081, PATIENCE_S) == 1


def test_announced_silence_needs_no_patience():
    line = speaking_until(1.0)
    line.quiet = True
    assert line.silence_due(1.0, PATIENCE_S) == 1


def test_audio_ends_the_silence_at_once():
    line = speaking_until(1.0)
    line.silence_due(1.5, PATIENCE_S)
    line.advance(1.51, 1)
    assert line.silence_due(1.54, PATIENCE_S) == 0


def test_a_burst_is_not_followed_by_a_gap():
    line = speaking_until(0.1)
    line.advance(0.1, 10)  # 200 ms came at once
    assert line.silence_due(0.3, PATIENCE_S) == 0
    assert line.silence_due(0.361, PATIENCE_S) > 0


@given(st.lists(st.floats(0.001, 0.3), min_size=1, max_size=100))
def test_time_passes_at_its_own_pace_however_irregular_the_looks_are(waits_s):
    line, now_s, handed_on = speaking_until(1.0), 1.0, 0
    for wait_s in waits_s:
        now_s += wait_s
        handed_on += line.silence_due(now_s, PATIENCE_S)
    behind_s = (now_s - 1.0) - handed_on * FRAME_S
    assert -FRAME_S - 1e-6 <= behind_s <= PATIENCE_S + 1e-6
