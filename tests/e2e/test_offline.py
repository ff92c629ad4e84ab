"""The whole program on its embedded engines, on a machine where nothing but itself can be reached."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.sounds import recording_path

ROOT = Path(__file__).parents[2]
_CUT_OFF = """
import sys

def refuse(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in (None, "", "localhost", "127.0.0.1", "::1"):
        print(f"REACHED OUT to {host}", file=sys.stderr, flush=True)
        raise OSError(f"{host} cannot be reached")

sys.addaudithook(refuse)
from pipeline.cli import main
main()
"""


def acore(*arguments: str, cwd: Path, said: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command with everything beyond this machine out of reach."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ACORE_DATA_DIR": str(cwd / "data"), **settings}
    command = [sys.executable, "-c", _CUT_OFF, *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment, input=said, capture_output=True, text=True, timeout=120, check=False
    )


def test_reaching_out_would_be_noticed(tmp_path: Path) -> None:
    done = acore("models", "pull", "smollm2-1.7b-instruct", cwd=tmp_path, ACORE_MODELS_DIR=str(tmp_path / "models"))
    assert done.returncode != 0
    assert "REACHED OUT" in done.stderr


def test_a_chat_with_its_prompt_counted_in_tokens(tmp_path: Path) -> None:
    done = acore("chat", "--show-prompt", cwd=tmp_path, said="What do you like?\n")
    assert done.returncode == 0, done.stderr
    assert "REACHED OUT" not in done.stderr
    assert "tokens" in done.stderr
    assert "What do you like?" in done.stderr
    assert done.stdout.strip(), "an answer"


def test_a_spoken_conversation(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = acore("replay", str(recording_path("beckett")), "--speed", "fast", "--report", str(report), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "REACHED OUT" not in done.stderr
    turns = json.loads(report.read_text("utf-8"))["turns"]
    assert any(turn["spoken"] for turn in turns)
