"""The pacer and its keeper: a process that outlives nobody, and what happens when it dies."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest

from tests.transports.discord.outgoing import Fates, Line, over
from tests.transports.discord.signals import frames, tone
from transports.discord import pacer, pacer_keeper
from transports.discord.pacer_host import ProcessHost, ThreadHost
from transports.discord.pacing import SILENCE
from transports.discord.send import Sender
from transports.discord.settings import DiscordVoiceSettings

SPEECH = frames(tone(440, 2.0))

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere it is a thread")


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


@contextmanager
def speaking_over(line: Line, kind: Literal["process", "thread"] = "process") -> Iterator[Sender]:
    sender = Sender(DiscordVoiceSettings(pacer=kind))
    sender.start()
    sender.attach(line)
    try:
        yield sender
    finally:
        sender.close()


def process_of(sender: Sender) -> subprocess.Popen:
    host = sender._pacer._host
    assert isinstance(host, ProcessHost)
    return host.process


def up(sender: Sender, line: Line) -> subprocess.Popen:
    """The process, once it has spoken."""
    sender.push(SPEECH[0], Fates())
    line.until(over)
    return process_of(sender)


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
def test_it_goes_before_all_others_where_the_system_allows_it(line: Line):
    expected = os.SCHED_RR if _real_time_is_allowed() else os.SCHED_OTHER
    with speaking_over(line) as sender:
        assert os.sched_getscheduler(up(sender, line).pid) == expected
    with speaking_over(line, "thread") as sender:
        sender.push(SPEECH[0], Fates())
        line.until(lambda seen: seen.speaking_flags[-2:] == [True, False] and len(seen.speaking_flags) == 4)
        host = sender._pacer._host
        assert isinstance(host, ThreadHost)
        thread = host.thread.native_id
        assert thread is not None
        assert os.sched_getscheduler(thread) == expected
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_without_any_right_to_hurry_it_goes_on_all_the_same(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    monkeypatch.setattr(os, "setpriority", refuse, raising=False)
    pacer.hurry()


def test_its_process_has_nothing_of_the_bot_in_it():
    script = "import sys, transports.discord.pacer; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = set(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.split())
    assert "transports" in loaded
    assert not loaded & {"pipecat", "discord", "numpy", "pydantic", "asyncio", "loguru", "davey", "aiohttp"}


def test_signals_meant_for_the_whole_service_do_not_silence_it(line: Line):
    with speaking_over(line) as sender:
        process = up(sender, line)
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(each)
        fates = Fates()
        sender.push(SPEECH[0], fates)
        fates.until(1)
        assert fates.played == [True]
        assert process_of(sender) is process
        assert process.poll() is None


def test_closing_ends_its_process_at_once_and_leaves_no_zombie(line: Line):
    with speaking_over(line) as sender:
        process = up(sender, line)
        for frame in SPEECH:
            sender.push(frame, Fates())
        start_s = time.monotonic()
        sender.close()
        took_s = time.monotonic() - start_s
    print(f"closed in {1e3 * took_s:.0f} ms")
    assert took_s < 0.5
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_does_not_outlive_a_bot_that_is_killed(line: Line):
    script = (
        "import time\n"
        "from transports.discord.send import Sender\n"
        "from transports.discord.settings import DiscordVoiceSettings\n"
        "sender = Sender(DiscordVoiceSettings())\n"
        "sender.start()\n"
        "print(sender._pacer._host.process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as bot:
        assert bot.stdout is not None
        pid = int(bot.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        bot.kill()
    deadline_s = time.monotonic() + 10
    while "(python" in _stat(pid) and ") Z" not in _stat(pid):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def _stat(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_when_it_dies_another_speaks_on_at_the_next_frame(line: Line):
    with speaking_over(line) as sender:
        up(sender, line)
        fates = Fates()
        ids = [sender.push(frame, fates) for frame in SPEECH[:40]]
        line.until(lambda seen: len(seen.speech) > 10)
        process_of(sender).kill()
        fates.until(40)
        line.until(over)
        assert fates.played == [True] * 40
        assert [frame.frame_id for frame in sender.frames()][1:] == ids
        assert sender.status().replaced == 1
    # one may have left that it could not tell of any more
    assert 41 <= len(line.speech) <= 42
    numbers = [packet.nonce for packet in line.sent]
    assert sorted(set(numbers)) == numbers, "no nonce goes twice with one key, nor back"
    steps = [(b.timestamp - a.timestamp) / 48_000 - (b.at_s - a.at_s) for a, b in pairwise(line.sent)]
    assert max(map(abs, steps)) < 0.1, "listeners' clocks go on through it"


def test_when_it_stands_still_another_takes_its_place(line: Line, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pacer_keeper, "_ANSWER_S", 0.5)
    monkeypatch.setattr(pacer_keeper, "_LOOK_S", 0.1)
    with speaking_over(line) as sender:
        process = up(sender, line)
        process.send_signal(signal.SIGSTOP)
        fates = Fates()
        for frame in SPEECH[:5]:
            sender.push(frame, fates)
        fates.until(5)
        assert fates.played == [True] * 5
        assert sender.status().replaced == 1
        assert process.returncode is not None


def test_a_barge_in_is_over_even_if_the_pacer_died_of_it(line: Line):
    with speaking_over(line) as sender:
        process = up(sender, line)
        process.send_signal(signal.SIGSTOP)
        fates = Fates()
        for frame in SPEECH[:5]:
            sender.push(frame, fates)
        sender.clear()
        process.kill()
        fates.until(5)
        assert fates.played == [False] * 5
        assert sender.status().cleared == 5


def test_where_no_process_lives_a_thread_does_it(line: Line, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with speaking_over(line) as sender:
        fates = Fates()
        sender.push(SPEECH[0], fates)
        fates.until(1)
        assert fates.played == [True]
        assert isinstance(sender._pacer._host, ThreadHost)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with speaking_over(line) as sender:
        assert isinstance(sender._pacer._host, ThreadHost)


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_nothing_is_lost_and_no_key_mixed_up_when_the_line_is_rebuilt(line: Line, kind: Literal["process", "thread"]):
    with speaking_over(line, kind) as sender:
        fates = Fates()
        ids = [sender.push(frame, fates) for frame in SPEECH[:40]]
        line.until(lambda seen: len(seen.speech) > 10)
        line.up = False
        # within a frame all that has not left is back, and not even silence goes to where nobody listens
        time.sleep(0.05)
        said, sent = len(line.speech), len(line.sent)
        time.sleep(0.1)
        assert len(line.sent) == sent
        line.renew(bytes(range(32)))
        line.ssrc, line.up = 8, True
        fates.until(40)
        line.until(over)
        assert fates.played == [True] * 40
        assert [frame.frame_id for frame in sender.frames()] == ids
    assert len(line.speech) == 40
    assert [packet.ssrc for packet in line.speech] == [7] * said + [8] * (40 - said)
    numbers = [packet.nonce for packet in line.sent]
    assert sorted(set(numbers)) == numbers
    assert [packet.sequence for packet in line.sent] == [number & 0xFFFF for number in numbers]


def test_nothing_leaves_while_the_call_has_no_keys(line: Line):
    with speaking_over(line) as sender:
        fates = Fates()
        for frame in SPEECH[:40]:
            sender.push(frame, fates)
        line.until(lambda seen: len(seen.speech) > 10)
        line.secure = False
        line.until(over)
        said = len(line.speech)
        assert said < 40
        assert line.sent[-1].opus == SILENCE
        line.secure = True
        fates.until(40)
        assert fates.played == [True] * 40


def test_many_frames_never_fill_the_pipe(line: Line):
    """Only a few are with the pacer at any time, so it is never its reader that the bot waits for."""
    with speaking_over(line) as sender:
        process = up(sender, line)
        process.send_signal(signal.SIGSTOP)
        start_s = time.monotonic()
        for frame in SPEECH * 20:
            sender.push(frame, Fates())
        assert time.monotonic() - start_s < 2
        process.send_signal(signal.SIGCONT)
        line.until(lambda seen: len(seen.speech) > 20)
        sender.clear()
        assert sender.status().replaced == 0
