"""The bot as people run it: `acore run` in a process of its own, read through what it logs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.local_discord import LocalDiscord

_ROOT = Path(__file__).parents[3]
_SPOKEN = re.compile(r"(?:turn \d+|-) ([\w-]+): (.*)$")

SCRIPTED = {
    "STT_ENGINE": "scripted",
    "HEARING_SCRIPTED_LINES": '["Hello there."]',
    "LLM_PROVIDER": "scripted",
    "LANGUAGE_SCRIPTED_REPLIES": '["Well, hello."]',
    "TTS_ENGINE": "scripted",
}
"""Engines that follow a script, so that only Discord is under test."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the bot's log."""

    at_s: float
    """`time.monotonic()` when it was read."""
    text: str

    @property
    def written_s(self) -> float:
        """When the bot wrote it, in Unix time."""
        return datetime.fromisoformat(self.text[:23]).timestamp()


@dataclass(frozen=True, slots=True)
class Holds:
    """How much of everything the process holds."""

    tasks: int
    threads: int
    resident_kb: int
    names: list[str]
    """Of its tasks."""
    spacing_ms: list[float]
    """Between the packets of the last minute of speech, as they left."""
    sent_s: list[float]
    """When these left, in Unix time."""


@dataclass(slots=True)
class Bot:
    """A running bot process."""

    process: asyncio.subprocess.Process
    lines: list[Line] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def log(self) -> str:
        """All that was logged so far."""
        return "\n".join(line.text for line in self.lines)

    def mark(self) -> int:
        """A place in the log, to look only at what comes behind it."""
        return len(self.lines)

    def find(self, pattern: str, since: int = 0) -> list[Line]:
        """Lines that match."""
        return [line for line in self.lines[since:] if re.search(pattern, line.text)]

    def said(self, who: str, since: int = 0) -> list[str]:
        """What somebody said, as the bot understood it; `bot` for the bot itself."""
        spoken = [match for line in self.lines[since:] if (match := _SPOKEN.search(line.text))]
        return [match[2] for match in spoken if match[1] == who]

    async def until_logged(self, pattern: str, since: int = 0, count: int = 1, timeout_s: float = 20.0) -> list[Line]:
        """Wait for so many lines that match."""
        await self._until(lambda: len(self.find(pattern, since)) >= count, f"{count} x {pattern!r}", timeout_s, since)
        return self.find(pattern, since)

    async def until_said(self, who: str, since: int = 0, count: int = 1, timeout_s: float = 20.0) -> list[str]:
        """Wait until somebody's words are in the log."""
        await self._until(lambda: len(self.said(who, since)) >= count, f"{count} x words of {who}", timeout_s, since)
        return self.said(who, since)

    async def holds(self) -> Holds:
        """Ask the process how much it holds."""
        mark = self.mark()
        self.process.send_signal(signal.SIGUSR1)
        (line, *_) = await self.until_logged("^HOLDS ", mark)
        return Holds(**json.loads(line.text.removeprefix("HOLDS ")))

    async def stop(self, timeout_s: float = 10.0) -> tuple[int, float]:
        """SIGTERM, as a service manager sends it. Returns the exit code and the seconds it took."""
        start_s = time.monotonic()
        self.process.terminate()
        async with asyncio.timeout(timeout_s):
            code = await self.process.wait()
        return code, time.monotonic() - start_s

    async def ended(self, timeout_s: float = 20.0) -> int:
        """Wait for the process to end by itself, and return its exit code."""
        async with asyncio.timeout(timeout_s):
            return await self.process.wait()

    async def read(self) -> None:
        """Collect the log until the process ends."""
        stream = self.process.stderr
        assert stream is not None
        async for raw in stream:
            self.lines.append(Line(time.monotonic(), raw.decode().rstrip()))
            self.changed.set()

    async def _until(self, holds: Any, what: str, timeout_s: float, since: int) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not holds():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            news = "\n".join(line.text for line in self.lines[since:])
            raise AssertionError(f"the bot's log has not {what} after {timeout_s:g} s:\n{news}") from None


@asynccontextmanager
async def run_bot(folder: Path, environment: Mapping[str, str], *, arguments: tuple[str, ...] = ("run",)):
    """Run the bot; its process group is gone afterwards. `folder` keeps its data, and holds no settings file."""
    ours = ("ACORE_", "DISCORD_", "LOG_", "TURNS_", "HEARING_", "LANGUAGE_", "SPEAKING_", "PERSONA_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours) or k == "ACORE_MODELS_DIR"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.e2e.discord.launch",
        *arguments,
        cwd=folder,
        env=kept
        | {"PYTHONPATH": str(_ROOT), "ACORE_DATA_DIR": str(folder / "data"), "LOG_LEVEL": "INFO", "LOG_SPEECH": "true"}
        | dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    bot = Bot(process)
    reading = asyncio.create_task(bot.read(), name="bot log")
    try:
        yield bot
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await reading


@asynccontextmanager
async def serve(server: LocalDiscord, folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Bot]:
    """Run the bot on `server`, logged in and with its engines loaded."""
    async with run_bot(folder, server.env() | dict(environment)) as bot:
        await bot.until_logged("voice ready", timeout_s=60)
        await bot.until_logged("logged in")
        yield bot


@asynccontextmanager
async def serve_text(server: LocalDiscord, folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Bot]:
    """Run the bot on `server` to write only, logged in and with its language model loaded."""
    async with run_bot(folder, server.env() | {"DISCORD_VOICE": "false"} | dict(environment)) as bot:
        await bot.until_logged("text ready", timeout_s=60)
        await bot.until_logged("logged in")
        yield bot
