"""From what was observed to the report: turns, totals, the machine."""

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.report.schema import HeardWord, Interruption, Machine, Percentiles, Stages, Totals, Turn
from pipeline.report.waterfall import SEGMENTS, waterfall
from processors.events import TurnRecord
from processors.floor import Heard

_PACKAGES = (
    "pipecat-ai",
    "numpy",
    "onnxruntime",
    "soundfile",
    "soxr",
    "moonshine-voice",
    "xllamacpp",
    "hibari-tts",
)


def report_turn(record: TurnRecord) -> Turn:
    """Write down one turn as it was observed."""
    heard = record.heard
    speakers = tuple(dict.fromkeys(one.speaker for one in heard))
    interrupted = None
    if record.interrupted_ms is not None:
        interrupted = Interruption(at_ms=record.interrupted_ms, by=record.interrupted_by or "")
    return Turn(
        id=record.turn,
        speaker=speakers[0] if speakers else "",
        speakers=speakers,
        heard=" ".join(one.text for one in heard) if len(speakers) < 2 else _by_name(heard),
        heard_words=tuple(_heard_words(heard)),
        said=record.said,
        spoken=record.spoken,
        answered=record.answered,
        reason=record.reason,
        user_started_ms=record.started_ms,
        user_stopped_ms=record.stopped_ms,
        end_confirmed_ms=record.confirmed_ms,
        first_audio_ms=record.first_audio_ms,
        v2v_ms=record.v2v_ms,
        stages=Stages(**record.stages),
        attempts=record.attempts,
        interrupted=interrupted,
        spoken_until_ms=record.spoken_until_ms,
        gap_ms=record.gap_ms,
    )


def summarise(turns: Sequence[Turn], *, audio_s: float, wall_s: float) -> Totals:
    """Count the turns and take the percentiles. Memory is this process's, up to now."""
    durations: dict[str, list[float]] = {name: [] for name in SEGMENTS}
    for turn in turns:
        if turn.answered:
            for segment in waterfall(turn):
                durations[segment.name].append(segment.duration_ms)
    v2v = [turn.v2v_ms for turn in turns if turn.v2v_ms is not None]
    return Totals(
        turns=len(turns),
        answered=sum(turn.answered for turn in turns),
        v2v=_percentiles(v2v) if v2v else None,
        stages={name: _percentiles(values) for name, values in durations.items() if values},
        interruptions=sum(turn.interrupted is not None for turn in turns),
        audio_s=audio_s,
        wall_s=wall_s,
        rss_mb=_peak_rss_mb(),
    )


def this_machine() -> Machine:
    """Describe where this runs."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        packages=dict(_installed(_PACKAGES)),
    )


def _by_name(heard: Iterable[Heard]) -> str:
    return "\n".join(f"{one.speaker}: {one.text}" for one in heard)


def _heard_words(heard: Iterable[Heard]) -> Iterable[HeardWord]:
    for one in heard:
        for word in one.words:
            start_ms, end_ms = round(word.start_ms, 1), round(word.end_ms, 1)
            yield HeardWord(speaker=one.speaker, text=word.text, start_ms=start_ms, end_ms=end_ms)


def _installed(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _cpu() -> str:
    """The processor's model; Python alone knows it on no Linux."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _peak_rss_mb() -> float | None:
    """Peak resident memory; Linux counts in KiB, macOS in bytes, Windows has no such count in Python."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)


def _percentiles(values: Sequence[float]) -> Percentiles:
    ordered = sorted(values)

    def at(share: float) -> float:
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return round(ordered[low] + (ordered[high] - ordered[low]) * (place - low), 1)

    return Percentiles(count=len(ordered), p50_ms=at(0.5), p95_ms=at(0.95))
