import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from tests.transports.discord.outgoing import Fates, Line, over
from tests.transports.discord.signals import frames, tone
from transports.discord.pacing import SILENCE, SILENCE_FRAMES
from transports.discord.send import Sender
from transports.discord.settings import DiscordVoiceSettings

SPEECH = frames(tone(440, 2.0))


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


@pytest.fixture(params=["process", "thread"])
def sender(line: Line, request: pytest.FixtureRequest) -> Iterator[Sender]:
    sender = Sender(DiscordVoiceSettings(hold_s=0.2, pacer=request.param))
    sender.attach(line)
    sender.start()
    yield sender
    sender.close()
    assert not sender.status().alive


def test_speech_leaves_on_a_grid_and_ends_with_five_silence_frames(sender: Sender, line: Line):
    fates = Fates()
    start_s = time.monotonic()
    ids = [sender.push(frame, fates) for frame in SPEECH[:25]]
    line.until(over)
    times = np.array([packet.at_s for packet in line.sent])
    print(f"first {1e3 * (times[0] - start_s):.2f} ms, spacing p99 {1e3 * np.percentile(np.diff(times), 99):.2f} ms")
    assert times[0] - start_s < 0.1
    assert np.median(np.diff(times)) == pytest.approx(0.02, abs=0.004)
    assert [packet.opus == SILENCE for packet in line.sent] == [False] * 25 + [True] * SILENCE_FRAMES
    assert {b.timestamp - a.timestamp for a, b in pairwise(line.sent)} == {960}
    assert fates.played == [True] * 25
    assert [frame.frame_id for frame in sender.frames()] == ids
    assert line.speaking_flags == [True, False]


def test_clear_drops_what_has_not_left_and_lets_the_silence_go_at_once(sender: Sender, line: Line):
    fates = Fates()
    for frame in SPEECH:
        sender.push(frame, fates)
    line.until(lambda seen: len(seen.speech) >= 5)
    cleared_s = time.monotonic()
    sender.clear()
    line.until(over)
    assert line.sent[-1].at_s - cleared_s < 0.06
    assert len(fates.played) == len(SPEECH)
    assert sum(fates.played) == len(line.speech)
    assert sender.status().cleared == len(SPEECH) - len(line.speech)


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
    assert line.sent[before].at_s - start_s < 0.1


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
    ended = line.sent[-1]
    threading.Event().wait(0.3)
    sender.push(SPEECH[1], Fates())
    line.until(lambda seen: len(seen.speech) == 2)
    began = line.speech[-1]
    assert (began.timestamp - ended.timestamp) % 960 == 0
    assert (began.timestamp - ended.timestamp) / 48_000 == pytest.approx(began.at_s - ended.at_s, abs=0.04)


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
    gaps = np.diff([packet.at_s for packet in line.sent])
    assert gaps.min() > 0.01


def test_a_closed_sender_refuses_instead_of_hanging():
    sender, fates = Sender(DiscordVoiceSettings()), Fates()
    sender.start()
    sender.push(SPEECH[0], fates)
    sender.close()
    sender.push(SPEECH[1], fates)
    assert fates.played == [False, False]
