"""Ctrl-C, in a process of its own: it stops soon, its files are whole, and nothing is left of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import soundfile

from tests.sounds import cut, recording_path, silence, write

STOPS_WITHIN_S = 4.0
"""2 s is what is promised of a machine that has nothing else to do; a test may share its cores."""
SCRIPTED = {"STT_ENGINE": "scripted", "LLM_PROVIDER": "scripted", "TTS_ENGINE": "scripted"}


@contextmanager
def acore(*words: str | Path, cwd: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`acore` with these words, killed at the end if it still runs."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", *map(str, words)]
    path = str(Path(__file__).parents[2])
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **environment, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(path: Path, seconds: float = 40.0, at_least: int = 1) -> None:
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.stat().st_size >= at_least):
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[float, str]:
    """Send the signal and wait; how long that took (s), and what it said on its error stream."""
    children = psutil.Process(process.pid).children(recursive=True)
    began_s = time.monotonic()
    process.send_signal(number)
    _, error = process.communicate(timeout=10)
    took_s = time.monotonic() - began_s
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    return took_s, error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_realtime_replay_stops_with_whole_outputs_that_say_they_are_partial(tmp_path: Path, number: int) -> None:
    out, report = tmp_path / "o.wav", tmp_path / "r.json"
    words = ("replay", recording_path("two_cities"), "--out", out, "--stereo", "--report", report)
    with acore(*words, cwd=tmp_path, **SCRIPTED) as process:
        wait_for(tmp_path / "o.partial.wav", at_least=200_000)
        took_s, error = interrupt(process, number)
    assert took_s < STOPS_WITHIN_S
    assert process.returncode == 130
    assert "Traceback" not in error
    assert not out.exists()
    left = soundfile.info(tmp_path / "o.partial.wav")
    assert left.channels == 2
    assert left.duration > 1
    assert json.loads(report.read_text())["totals"]["audio_s"] == pytest.approx(left.duration, abs=1.0)


def test_a_replay_on_the_embedded_engines_stops_in_the_middle_of_an_answer(tmp_path: Path) -> None:
    sound = write(tmp_path / "in.wav", cut("endgame_nagg_nell", 0, 1.3), silence(30))
    with acore("replay", sound, "--out", "o.wav", "--stereo", cwd=tmp_path, STT_ENGINE="scripted") as process:
        wait_for(tmp_path / "o.partial.wav", at_least=400_000)
        took_s, error = interrupt(process)
    assert took_s < STOPS_WITHIN_S
    assert process.returncode == 130
    assert error.strip() == ""
    assert soundfile.info(tmp_path / "o.partial.wav").duration > 1


def test_a_demo_can_be_stopped_and_run_again(tmp_path: Path) -> None:
    environment = {"STT_ENGINE": "scripted", "LLM_PROVIDER": "scripted"}
    with acore("demo", "--out", "d", cwd=tmp_path, **environment) as process:
        wait_for(tmp_path / "d" / "conversation.partial.wav", at_least=100_000)
        took_s, _ = interrupt(process)
    assert took_s < STOPS_WITHIN_S
    with acore("demo", "--out", "d", "--speed", "fast", cwd=tmp_path, **environment) as process:
        said, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert "voice to voice" in said
    made = {path.name for path in (tmp_path / "d").iterdir()}
    assert {"conversation.wav", "report.json", "report.html", "report.png"} <= made
    assert not any("partial" in name for name in made)
