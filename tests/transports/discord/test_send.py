import os
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.transports.discord.signals import frames, tone
from transports.discord.opus import SILENCE
from transports.discord.send import SILENCE_FRAMES, Sender
from transports.discord.settings import DiscordVoiceSettings

SPEECH = frames(tone(440, 2.0))


class Line:
    """Records what is sent."""

    def __init__(self) -> None:
        self.up = True
        self.sent: list[tuple[float, bytes, int]] = []
        self.speaking_flags: list[bool] = []
        self.changed = threading.Condition()

    def ready(self) -> bool:
        return self.up

    def send(self, opus: bytes, timestamp: int) -> bool:
        with self.changed:
            self.sent.append((time.monotonic(), opus, timestamp))
            self.changed.notify_all()
        return True

    def speaking(self, on: bool) -> None:
        with self.changed:
            self.speaking_flags.append(on)
            self.changed.notify_all()

    def until(self, holds, timeout_s: float = 5.0) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: holds(self), timeout_s), self.sent

    @property
    def speech(self) -> list[tuple[float, bytes, int]]:
        return [packet for packet in self.sent if packet[1] != SILENCE]


class Fates:
    """What became of each frame pushed."""

    def __init__(self) -> None:
        self.played: list[bool] = []
        self._changed = threading.Condition()

    def __call__(self, played: bool) -> None:
        with self._changed:
            self.played.append(played)
            self._changed.notify_all()

    def until(self, count: int, timeout_s: float = 5.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.played) >= count, timeout_s)


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def sender(line: Line) -> Iterator[Sender]:
    sender = Sender(DiscordVoiceSettings(hold_s=0.2))
    sender.attach(line)
    sender.start()
    yield sender
    sender.close()
    assert not sender.status().alive


def _real_time_is_allowed() -> bool:
    answers: list[bool] = []

    def ask() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        except OSError:
            answers.append(False)
        else:
            answers.append(True)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    return answers[0]


@pytest.mark.skipif(sys.platform != "linux", reason="priorities are a thread's own on Linux only")
def test_its_thread_goes_before_all_others_where_the_system_allows_it(sender: Sender, line: Line):
    sender.push(SPEECH[0], Fates())
    line.until(over)
    thread = sender._thread.native_id
    assert thread is not None
    expected = os.SCHED_RR if _real_time_is_allowed() else os.SCHED_OTHER
    assert os.sched_getscheduler(thread) == expected
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_without_any_right_to_hurry_it_speaks_all_the_same(line: Line, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    monkeypatch.setattr(os, "setpriority", refuse, raising=False)
    sender = Sender(DiscordVoiceSettings())
    sender.attach(line)
    sender.start()
    sender.push(SPEECH[0], Fates())
    line.until(over)
    sender.close()
    assert len(line.speech) == 1


def over(line: Line) -> bool:
    return line.speaking_flags[-1:] == [False]


def test_speech_leaves_on_a_grid_and_ends_with_five_silence_frames(sender: Sender, line: Line):
    fates = Fates()
    start_s = time.monotonic()
    ids = [sender.push(frame, fates) for frame in SPEECH[:25]]
    line.until(over)
    times = np.array([at_s for at_s, _, _ in line.sent])
    print(f"first {1e3 * (times[0] - start_s):.2f} ms, spacing p99 {1e3 * np.percentile(np.diff(times), 99):.2f} ms")
    assert times[0] - start_s < 0.1
    assert np.median(np.diff(times)) == pytest.approx(0.02, abs=0.004)
    assert [opus == SILENCE for _, opus, _ in line.sent] == [False] * 25 + [True] * SILENCE_FRAMES
    assert {b - a for (_, _, a), (_, _, b) in zip(line.sent, line.sent[1:], strict=False)} == {960}
    assert fates.played == [True] * 25
    assert [frame.frame_id for frame in sender.frames()] == ids
    assert line.speaking_flags == [True, False]


def test_clear_drops_what_has_not_left_and_lets_the_silence_go_at_once(sender: Sender, line: Line):
    fates = Fates()
    for frame in SPEECH:
        sender.push(frame, fates)
    line.until(lambda seen: len(seen.speech) >= 5)
    cleared_s = time.monotonic()
    dropped = sender.clear()
    line.until(over)
    assert line.sent[-1][0] - cleared_s < 0.06
    assert len(line.speech) + dropped == len(SPEECH)
    assert sum(fates.played) == len(line.speech)
    assert len(fates.played) == len(SPEECH)
    assert sender.status().cleared == dropped


def test_after_a_clear_the_next_words_leave_at_once(sender: Sender, line: Line):
    for frame in SPEECH[:20]:
        sender.push(frame, Fates())
    line.until(lambda seen: len(seen.speech) >= 3)
    sender.clear()
    line.until(over)
    start_s = time.monotonic()
    before = len(line.sent)
    sender.push(SPEECH[0], Fates())
    line.until(lambda seen: len(seen.sent) > before)
    assert line.sent[before][0] - start_s < 0.1


def test_a_pause_keeps_the_position(sender: Sender, line: Line):
    fates = Fates()
    for frame in SPEECH[:20]:
        sender.push(frame, fates)
    line.until(lambda seen: len(seen.speech) >= 5)
    sender.pause()
    line.until(over)
    said = len(line.speech)
    assert said < 20
    sender.resume()
    fates.until(20)
    assert fates.played == [True] * 20
    assert [frame.frame_id for frame in sender.frames()] == list(range(20))


def test_timestamps_count_the_time_nobody_spoke(sender: Sender, line: Line):
    sender.push(SPEECH[0], Fates())
    line.until(over)
    ended_s, _, ended = line.sent[-1]
    threading.Event().wait(0.3)
    sender.push(SPEECH[1], Fates())
    line.until(lambda seen: len(seen.speech) == 2)
    began_s, _, began = line.speech[-1]
    assert (began - ended) % 960 == 0
    assert (began - ended) / 48_000 == pytest.approx(began_s - ended_s, abs=0.04)


def test_speech_waits_for_a_line_that_comes_back(sender: Sender, line: Line):
    line.up = False
    fates = Fates()
    sender.push(SPEECH[0], fates)
    assert sender.status().queued == 1
    line.up = True
    fates.until(1)
    assert fates.played == [True]


def test_speech_is_given_up_when_the_line_stays_down(sender: Sender, line: Line):
    line.up = False
    fates = Fates()
    sender.push(SPEECH[0], fates)
    fates.until(1)
    sender.push(SPEECH[1], fates)
    assert fates.played == [False, False]
    line.up = True
    sender.push(SPEECH[2], fates)
    fates.until(3)
    assert fates.played[-1] is True
    assert (sender.status().dropped, sender.status().sent) == (2, 1)


def test_a_frame_of_the_wrong_length_is_reported_and_the_next_is_sent(sender: Sender, line: Line):
    fates = Fates()
    sender.push(b"short", fates)
    sender.push(SPEECH[0], fates)
    fates.until(2)
    assert fates.played == [False, True]


def test_a_late_frame_is_an_underrun_and_never_made_up_with_a_burst(sender: Sender, line: Line):
    sender.push(SPEECH[0], Fates())
    line.until(lambda seen: len(seen.sent) == 3)
    for frame in SPEECH[1:6]:
        sender.push(frame, Fates())
    line.until(over)
    assert sender.status().underruns == 1
    gaps = np.diff([at_s for at_s, _, _ in line.sent])
    assert gaps.min() > 0.01


def test_a_closed_sender_refuses_instead_of_hanging():
    sender, fates = Sender(DiscordVoiceSettings()), Fates()
    sender.start()
    sender.push(SPEECH[0], fates)
    sender.close()
    sender.push(SPEECH[1], fates)
    assert fates.played == [False, False]
