"""Two sides on one timeline."""

import numpy as np
import pytest

from transports.recorder import RATE_HZ, ConversationRecorder, Pcm

FRAME = np.zeros(320, np.int16)


class Tape:
    def __init__(self) -> None:
        self.left: list[Pcm] = []
        self.right: list[Pcm] = []
        self.largest = 0

    def write(self, left: Pcm, right: Pcm) -> None:
        assert len(left) == len(right)
        self.largest = max(self.largest, len(left))
        self.left.append(left)
        self.right.append(right)

    @property
    def sides(self) -> tuple[Pcm, Pcm]:
        return np.concatenate(self.left), np.concatenate(self.right)


def test_the_bot_is_where_it_was_played() -> None:
    tape = Tape()
    recorder = ConversationRecorder(tape)
    for number in range(100):
        recorder.user([FRAME])
        if number == 50:
            recorder.bot(1000.0, np.full(480, 7000, np.int16))
    recorder.finish()
    _, right = tape.sides
    assert np.flatnonzero(right)[[0, -1]].tolist() == [RATE_HZ, RATE_HZ + 479]


def test_speakers_are_mixed_without_wrapping_round() -> None:
    tape = Tape()
    recorder = ConversationRecorder(tape)
    for _ in range(50):
        recorder.user([np.full(320, 30000, np.int16)] * 2)
    recorder.finish()
    left, _ = tape.sides
    assert left[1000:-1000].min() > 32000


def test_both_sides_are_as_long_as_the_longer() -> None:
    tape = Tape()
    recorder = ConversationRecorder(tape)
    for _ in range(10):
        recorder.user([FRAME])
    recorder.bot(190.0, np.full(4800, 5, np.int16))
    recorder.finish()
    left, right = tape.sides
    assert len(left) == len(right) == int(0.19 * RATE_HZ) + 4800


def test_it_keeps_less_than_a_second() -> None:
    tape = Tape()
    recorder = ConversationRecorder(tape)
    for _ in range(500):
        recorder.user([FRAME])
    assert sum(map(len, tape.left)) > RATE_HZ * 9
    assert tape.largest < RATE_HZ


def test_sound_reported_too_late_is_dropped_not_misplaced() -> None:
    tape = Tape()
    recorder = ConversationRecorder(tape)
    for _ in range(200):
        recorder.user([FRAME])
    recorder.bot(0.0, np.full(480, 7000, np.int16))
    recorder.finish()
    assert not tape.sides[1].any()


def test_without_a_sink_it_counts_time() -> None:
    recorder = ConversationRecorder()
    for _ in range(50):
        recorder.user([FRAME, FRAME])
    recorder.bot(5.0, FRAME)
    recorder.finish()
    assert recorder.duration_ms == pytest.approx(1000)
