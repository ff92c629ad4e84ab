"""`acore bench wire`: what the way to and from Discord costs, on a Discord-protocol server on loopback.

The server and the person in the call, whose end-to-end encryption is Discord's own libdave, live in this process; the
bot is another one (`bench.wire_bot`), so that neither holds the other up.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.checkout import find_the_server
from bench.corpus.levels import RATE_HZ, Pcm
from bench.corpus.manifest import Kind
from bench.corpus.store import ensure_corpus, load_sound
from bench.figures import Spread, spread
from bench.results import provenance, write_result
from processors.errors import AcoreError
from processors.models import ModelStore

if TYPE_CHECKING:
    from tests.local_discord import Participant

Load = Literal["idle", "busy"]
_ANSWER_S = 90.0
"""A bot that says nothing for so long is given up."""
_ONE_REPLY_MS = 250.0
"""Frames that leave further apart belong to two replies."""
_LONGEST_LINE = 1 << 26
_QUANTILES = np.linspace(0, 100, 101)


@dataclass(frozen=True, slots=True)
class WireFigures:
    """Milliseconds."""

    packet_to_ear: Spread | None
    """From a packet at the bot's socket to 20 ms of sound at its ear: decrypted twice, reordered, decoded."""
    pcm_to_packet: Spread | None
    """From the first sound of a reply to its first packet on the wire."""
    decision_to_last_packet: Spread | None
    """From the decision that somebody has taken the floor to the bot's last packet of speech; 0 if none followed."""
    decision_to_last_heard: Spread | None
    """The same until that packet has reached the other person."""
    spacing: Spread | None
    """Between two packets of a reply, as they left. 20 is even."""


def run_wire(
    talk_overs: int, loads: Sequence[Load], corpus: Path, out: Path, tell: Callable[[str], None]
) -> tuple[dict[str, WireFigures], Path]:
    """Hold a call for each load in which the bot is talked over so many times. Writes `<out>/wire.json` and `.png`.

    Raises:
        SettingError: this is no checkout of the project, which the server belongs to.
        AcoreError: the bot failed, or a model or file is not to be had.
    """
    find_the_server("wire")
    manifest = ensure_corpus(corpus, ModelStore())
    sounds = [load_sound(corpus, turn) for turn in manifest.turns if turn.kind is Kind.TALK_OVER]
    figures: dict[str, WireFigures] = {}
    curves: dict[str, dict[str, list[float]]] = {}
    for load in loads:
        told, heard_ns = asyncio.run(_call(load, talk_overs, sounds))
        values = durations(told, heard_ns)
        figures[load] = WireFigures(**{name: spread(known) for name, known in values.items()})
        curves[load] = {
            name: np.percentile(known, _QUANTILES).round(3).tolist() for name, known in values.items() if known
        }
        tell(f"{load}: {len(told['decided_ns'])} talk-overs, {len(told['sent_ns'])} packets")
    path = out / "wire.json"
    described = {load: {name: one and asdict(one) for name, one in _spreads(of)} for load, of in figures.items()}
    source = provenance(talk_overs=talk_overs, engines="scripted")
    write_result(path, {"bench": "wire", **source, "figures": described, "quantiles": curves})
    from bench.charts import write_wire_chart

    write_wire_chart(path, path.with_suffix(".png"))
    return figures, path


def wire_lines(figures: dict[str, WireFigures]) -> list[str]:
    """One line a figure, for people."""
    return [
        f"{load:<5} {name.replace('_', ' '):<24} p50 {one.p50:.1f}  p95 {one.p95:.1f}  p99 {one.p99:.1f} ms"
        f"  ({one.count})"
        for load, of in figures.items()
        for name, one in _spreads(of)
        if one
    ]


def durations(told: dict, heard_ns: Sequence[int]) -> dict[str, list[float]]:
    """What the bot told of one call and when its packets were heard, as durations (ms) by figure."""
    sent = np.array(sorted(told["sent_ns"]), np.int64)
    heard = np.array(sorted(heard_ns), np.int64)
    first = [_next(sent, at) for at in told["pcm_ns"]]
    gaps = [(after - before) / 1e6 for before, after in pairwise(sent.tolist())]
    return {
        "packet_to_ear": told["to_ear_ms"],
        "pcm_to_packet": [(left - at) / 1e6 for at, left in zip(told["pcm_ns"], first, strict=True) if left],
        "decision_to_last_packet": [_run_on_ms(sent, at) for at in told["decided_ns"]],
        "decision_to_last_heard": [_run_on_ms(heard, at) for at in told["decided_ns"]],
        "spacing": [gap for gap in gaps if gap < _ONE_REPLY_MS],
    }


def _next(times: np.ndarray, at_ns: int) -> int | None:
    index = int(np.searchsorted(times, at_ns))
    return int(times[index]) if index < len(times) else None


def _run_on_ms(times: np.ndarray, at_ns: int) -> float:
    """How long the reply that was under way at `at_ns` went on."""
    last = at_ns
    for time_ns in times[np.searchsorted(times, at_ns) :].tolist():
        if (time_ns - last) / 1e6 >= _ONE_REPLY_MS:
            break
        last = time_ns
    return (last - at_ns) / 1e6


def _spreads(figures: WireFigures) -> list[tuple[str, Spread | None]]:
    return [(name, getattr(figures, name)) for name in WireFigures.__dataclass_fields__]


async def _call(load: Load, talk_overs: int, sounds: Sequence[Pcm]) -> tuple[dict, list[int]]:
    """One call. Returns what the bot told of it, and when its packets of speech were heard."""
    from tests.local_discord import LocalDiscord

    async with LocalDiscord() as server:
        person = await server.participant("somebody")
        await person.join(server.voice_channel)
        command = [sys.executable, "-m", "bench.wire_bot", str(server.voice_channel.id), str(talk_overs), load]
        environment = {**os.environ, **server.env(), "LOGURU_AUTOINIT": "0"}
        bot = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, env=environment, limit=_LONGEST_LINE
        )
        try:
            told = await _play_along(bot, person, server.bot, sounds)
            await bot.wait()
        finally:
            if bot.returncode is None:
                bot.kill()
                await bot.wait()
        heard = [round(one.at_s * 1e9) for one in person.heard if one.user_id == server.bot.id and one.speech]
        return told, heard


async def _play_along(bot: asyncio.subprocess.Process, person: "Participant", other, sounds: Sequence[Pcm]) -> dict:
    assert bot.stdout is not None
    spoken = 0
    while True:
        async with asyncio.timeout(_ANSWER_S):
            line = await bot.stdout.readline()
        if not line:
            raise AcoreError(f"the bot of bench wire ended with status {await bot.wait()}; see above")
        told = json.loads(line)
        if "sent_ns" in told:
            return told
        if told["say"]:
            await person.speak(sounds[spoken % len(sounds)], RATE_HZ)
            spoken += 1
        else:
            await person.until_secure_with(other)
