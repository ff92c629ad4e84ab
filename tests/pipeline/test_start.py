"""What the start of a bot costs that only writes: nothing of voice is imported for it."""

import subprocess
import sys

import pytest

OF_VOICE = (
    "httpx",
    "numba",
    "onnxruntime",
    "pipeline.rooms",
    "pipeline.voice",
    "processors.hearing.hearing",
    "processors.speaking.speaker",
    "soundfile",
    "transports.discord.transport",
)
"""Each is either what a call is made of, or large."""


@pytest.mark.parametrize("module", ["pipeline.app", "pipeline.cli_chat"])
def test_a_bot_that_only_writes_imports_nothing_of_voice(module: str) -> None:
    script = f"import sys, {module}; print(*(name for name in {OF_VOICE!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
