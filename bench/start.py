"""`acore bench start`: how long `acore run` takes until it answers, and how much memory it then has, on a
Discord-protocol server on loopback.

Server and bot are two processes, as in `bench.wire`; where the model is elsewhere, its server is in the first.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.checkout import ACORE, find_the_server
from bench.results import provenance, write_result
from processors.errors import AcoreError

if TYPE_CHECKING:
    from tests.local_discord import LocalDiscord

CASES = {
    "text elsewhere": "Writes only; the language model is a server's, memory is searched by words and by meaning.",
    "text words": "The same, and memory is searched by words alone (MEMORY_RECALL_VECTORS=off).",
    "text": "Writes only; everything embedded.",
    "voice": "Writes and talks; everything embedded.",
}
_READY_S = 90.0
_QUESTIONS = 5
SETTLE_S = 40.0
"""What is freed is given back every 30 s (`pipeline.heap`)."""


@dataclass(frozen=True, slots=True)
class StartFigures:
    """One start, one conversation."""

    ready_s: float
    """From the process's begin until it is logged in and what answers is loaded."""
    rss_mb: float
    """Resident a while after a few answers, everything loaded."""
    peak_mb: float


def run_start(
    cases: Sequence[str], times: int, out: Path, tell: Callable[[str], None], settle_s: float = SETTLE_S
) -> tuple[dict[str, list[StartFigures]], Path]:
    """Start the bot so many times in each way, in turns. Writes `<out>/start.json`.

    Raises:
        SettingError: this is no checkout of the project, which the server belongs to.
        AcoreError: the bot did not start, or did not answer.
    """
    find_the_server("start")
    figures: dict[str, list[StartFigures]] = {case: [] for case in cases}
    for _ in range(times):
        for case in cases:
            figures[case].append(asyncio.run(_start(case, settle_s)))
            tell(f"{case}: {in_words(figures[case][-1:])}")
    path = out / "start.json"
    described = {case: [asdict(one) for one in of] for case, of in figures.items()}
    write_result(path, {"bench": "start", **provenance(times=times, settle_s=settle_s), "figures": described})
    return figures, path


def in_words(figures: Sequence[StartFigures]) -> str:
    """The median of some starts, for people."""
    ready_s, rss_mb, peak_mb = (
        median(getattr(one, name) for one in figures) for name in StartFigures.__dataclass_fields__
    )
    return f"ready after {ready_s:.2f} s, {rss_mb:.0f} MB resident, {peak_mb:.0f} MB at most"


async def _start(case: str, settle_s: float) -> StartFigures:
    from tests.local_discord import LocalDiscord

    async with LocalDiscord() as server, _environment(case) as environment:
        with tempfile.TemporaryDirectory(prefix="acore-bench-") as folder:
            # No settings but these: it is the figure of what is installed.
            kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "ACORE_MODELS_DIR")}
            of_run = {"ACORE_DATA_DIR": f"{folder}/data", "LOG_LEVEL": "INFO", "LOGURU_COLORIZE": "0"}
            began_s = time.monotonic()
            bot = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", ACORE, "run"),
                cwd=folder,
                env={**kept, **of_run, **server.env(), **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                log = _Log(bot)
                await asyncio.gather(
                    log.until("voice ready" if case == "voice" else "text ready"), server.gateway.until_ready(_READY_S)
                )
                ready_s = time.monotonic() - began_s
                await _converse(server)
                if case != "text words":
                    await log.until("memories are searched by meaning")
                await asyncio.sleep(settle_s)
                status = _status_of(bot.pid)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    bot.terminate()
                # Its last lines must not fill the pipe it waits for.
                await bot.communicate()
    return StartFigures(ready_s, _mb(status, "VmRSS"), _mb(status, "VmHWM"))


class _Log:
    """What the bot logs."""

    def __init__(self, bot: asyncio.subprocess.Process) -> None:
        self._bot = bot
        self._lines: list[str] = []
        self._reading = asyncio.Lock()

    async def until(self, text: str) -> None:
        """Wait for a line with `text`.

        Raises:
            AcoreError: the bot ended first, or it took too long.
        """
        assert self._bot.stderr is not None
        try:
            async with asyncio.timeout(_READY_S), self._reading:
                while not any(text in line for line in self._lines):
                    line = (await self._bot.stderr.readline()).decode()
                    if not line:
                        raise AcoreError(f"the bot ended: {''.join(self._lines[-3:])}")
                    self._lines.append(line)
        except TimeoutError:
            raise AcoreError(f"the bot did not say {text!r}: {''.join(self._lines[-3:])}") from None


async def _converse(server: "LocalDiscord") -> None:
    """Ask a few questions, and wait for the answers."""
    person, channel = await server.user("somebody"), await server.channel("chat")

    def answered() -> int:
        return sum(bool(one.content) and one.webhook_id is not None for one in server.messages(channel))

    for number in range(_QUESTIONS):
        await server.send_message(person, channel, f"<@{server.bot.id}> What do you make of the number {number}?")
        try:
            await server.messages_store.until(lambda number=number: answered() > number, _READY_S)
        except TimeoutError:
            raise AcoreError("the bot did not answer") from None


@contextlib.asynccontextmanager
async def _environment(case: str) -> AsyncGenerator[dict[str, str]]:
    """The settings of a case, and the server of the model that is elsewhere."""
    from tests.fakes.echo_server import EchoServer
    from tests.fakes.serving import served

    off = {"DISCORD_VOICE": "false"} if case != "voice" else {}
    if case not in ("text elsewhere", "text words"):
        yield off
        return
    words = {"MEMORY_RECALL_VECTORS": "off"} if case == "text words" else {}
    async with served(EchoServer().app) as url:
        yield {**off, **words, "LLM_PROVIDER": "openai", "OPENAI_BASE_URL": f"{url}/v1"}


def _status_of(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def _mb(status: str, name: str) -> float:
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024
