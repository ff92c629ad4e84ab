"""What the results in a folder come to beside what they must: one table."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Target:
    """One figure that must hold."""

    figure: str
    must: str
    """The target, in words."""
    result: str
    """Name of the result file that holds it."""
    read: Callable[[dict], tuple[float, ...]]
    """The figures out of the result, in the order of `limits`."""
    limits: tuple[float, ...]
    """The most they may be; the least, for `at_least`."""
    unit: str = ""
    at_least: bool = False

    def holds(self, found: tuple[float, ...]) -> bool:
        """Whether all of them are within their limits."""
        pairs = zip(found, self.limits, strict=True)
        return all(value >= limit if self.at_least else value <= limit for value, limit in pairs)


def _spread(*path: str) -> Callable[[dict], tuple[float, ...]]:
    """p50 and p95 of the spread at this path."""

    def read(content: dict) -> tuple[float, ...]:
        for name in path:
            content = content[name]
        return content["p50"], content["p95"]

    return read


def _ratio(to: str) -> Callable[[dict], tuple[float, ...]]:
    return lambda content: (content["ratios"][to],)


def _worst(figure: str) -> Callable[[dict], tuple[float, ...]]:
    """p50 and p95 of a figure of the wire, of the load under which they are worse."""

    def read(content: dict) -> tuple[float, ...]:
        spreads = [of[figure] for of in content["figures"].values() if of[figure]]
        return max(one["p50"] for one in spreads), max(one["p95"] for one in spreads)

    return read


def _missed_or_twice(content: dict) -> tuple[float, ...]:
    return (len(content["figures"]["missed"]) + len(content["figures"]["answered_twice"]),)


def _memory_adds(content: dict) -> tuple[float, ...]:
    """How much later (ms) the median answer begins with memory on."""
    v2v = {name: one["figures"]["v2v"]["p50"] for name, one in content["designs"].items()}
    return (v2v["memory on"] - v2v["memory off"],)


def _memory_adds_a_turn(content: dict) -> tuple[float, ...]:
    """How much later (ms) the answer to the same turn begins with memory on: the median over turns."""
    off, on = (
        {one["id"]: one["v2v_ms"] for one in content["designs"][name]["outcomes"] if one["v2v_ms"] is not None}
        for name in ("memory off", "memory on")
    )
    return (median(on[turn] - off[turn] for turn in off.keys() & on.keys()),)


def _start(figure: str, *cases: str) -> Callable[[dict], tuple[float, ...]]:
    """The median of a figure over some starts, case by case."""
    return lambda content: tuple(median(one[figure] for one in content["figures"][case]) for case in cases)


def _cut_ins(content: dict) -> tuple[float, ...]:
    return (100 * (content["figures"]["cut_in_rate"] or 0.0),)


def _stopping_back_channels(content: dict) -> tuple[float, ...]:
    figures = content["figures"]
    return (100 * len(figures["back_channels_that_stopped"]) / max(1, figures["back_channels"]),)


TARGETS = (
    Target(
        "voice to voice, p50 / p95", "<= 350 / 600 ms", "latency-balanced", _spread("figures", "v2v"), (350, 600), "ms"
    ),
    Target(
        "cut-ins on pauses under 1 s",
        "<= 3 %",
        "latency-balanced",
        _cut_ins,
        (3,),
        "%",
    ),
    Target("the same, `patient`", "<= 3 %", "latency-patient", _cut_ins, (3,), "%"),
    Target("turns missed or answered twice", "0", "latency-balanced", _missed_or_twice, (0,)),
    Target("back-channels that stop the bot", "<= 5 %", "latency-balanced", _stopping_back_channels, (5,), "%"),
    Target("ours / stock Pipecat, V2V p50", "<= 0.3", "compare", _ratio("pipecat"), (0.3,)),
    Target("ours / LiveKit Agents, V2V p50", "<= 0.3", "compare", _ratio("livekit"), (0.3,)),
    Target("ours / sequential, V2V p50", "<= 0.15", "compare", _ratio("sequential"), (0.15,)),
    Target("own overhead, p50 / p95", "<= 15 / 30 ms", "overhead", _spread("own"), (15, 30), "ms"),
    Target(
        "talk-over decision to last packet, p50 / p95",
        "<= 40 / 60 ms",
        "wire",
        _worst("decision_to_last_packet"),
        (40, 60),
        "ms",
    ),
    Target("packet in to the ear, p50 / p95", "<= 2 / 8 ms", "wire", _worst("packet_to_ear"), (2, 8), "ms"),
    Target("first sound to packet out, p50 / p95", "<= 5 / 20 ms", "wire", _worst("pcm_to_packet"), (5, 20), "ms"),
    Target(
        "rooms a core, p99 hop <= 20 ms", ">= 60", "load", lambda content: (content["limit"],), (60,), at_least=True
    ),
    Target("voice beside ten text channels / alone, V2V p50", "<= 1.3", "text", _ratio("alone"), (1.3,)),
    Target("memory on, against off, V2V p50", "<= 20 ms more", "memory", _memory_adds, (20,), "ms"),
    Target("the same turn by turn, median", "<= 20 ms more", "memory", _memory_adds_a_turn, (20,), "ms"),
    Target(
        "recall among 100,000 messages, p95",
        "<= 60 ms",
        "recall",
        lambda content: (content["figures"]["took"]["p95"],),
        (60,),
        "ms",
    ),
    Target(
        "`acore run` to ready, text / voice", "<= 2 / 6 s", "start", _start("ready_s", "text", "voice"), (2, 6), "s"
    ),
    Target("memory, embedded voice", "<= 900 MB", "start", _start("rss_mb", "voice"), (900,), "MB"),
    Target(
        "memory, text only, model elsewhere, recall by words",
        "<= 250 MB",
        "start",
        _start("rss_mb", "text words"),
        (250,),
        "MB",
    ),
    Target(
        "memory, text only, model elsewhere, recall by meaning too",
        "<= 250 MB",
        "start",
        _start("rss_mb", "text elsewhere"),
        (250,),
        "MB",
    ),
    Target("memory, text only, all embedded", "<= 250 MB", "start", _start("rss_mb", "text"), (250,), "MB"),
    Target("memory growth over 30 minutes", "< 1 %", "soak", lambda content: (content["growth_percent"],), (1,), "%"),
)


def table(folder: Path) -> str:
    """The targets and what the results in `folder` say of them, as Markdown."""
    lines = ["| figure | must be | measured | |", "|---|---|---|---|"]
    for target in TARGETS:
        found = _found(folder / f"{target.result}.json", target)
        if found is None:
            lines.append(f"| {target.figure} | {target.must} | not measured | |")
            continue
        measured = " / ".join(_shown(value) for value in found)
        verdict = "holds" if target.holds(found) else "**missed**"
        lines.append(f"| {target.figure} | {target.must} | {measured}{target.unit and f' {target.unit}'} | {verdict} |")
    return "\n".join(lines) + "\n"


def _shown(value: float) -> str:
    """Three digits that say something, and never a power of ten."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _found(path: Path, target: Target) -> tuple[float, ...] | None:
    """What a result says, or None where there is none or it lacks the figure (a design that was left out)."""
    try:
        return target.read(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
