"""`acore bench engines`: every engine of this installation by itself, each in a process of its own.

Speech-to-text hears the recordings of people that Moonshine's package holds, whose words are known; text-to-speech and
the language model answer fixed lines. An engine that is not installed or not configured is listed with its reason.
"""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.charts import write_engines_chart
from bench.figures import word_errors
from bench.results import provenance, write_result
from pipeline.engines import model_store
from pipeline.settings import Settings, load_settings
from processors.errors import AcoreError, EngineError

_LINES = (
    "Hello there.",
    "It is good to hear you, my friend.",
    "The weather in the mountains was cold and clear this morning.",
)
_CHILD_S = 900.0


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What one engine takes. None where it does not apply, or was not measured."""

    kind: str
    name: str
    load_s: float | None = None
    rss_mb: float | None = None
    """Peak of its whole process, and of its worker's if it has one."""
    rtf: float | None = None
    """Computing time over sound; median."""
    first_ms: float | None = None
    """To the transcript, the first sound, or the first token; median."""
    wer: float | None = None
    """Word errors over words (0-1)."""
    failure: str = ""
    """Why it was not measured."""


def run_engines(names: Sequence[str], config: Path | None, out: Path, tell: Callable[[str], None]) -> Path:
    """Measure all engines, or those named `kind:name`. Returns the result file; a chart lies beside it."""
    figures: list[EngineFigures] = []
    for kind, name in _all_engines():
        if names and f"{kind}:{name}" not in names:
            continue
        figures.append(_in_a_process(kind, name, config))
        tell(in_words(figures[-1]))
    result = out / "engines.json"
    write_result(result, {**provenance(), "engines": [asdict(one) for one in figures]})
    write_engines_chart(result, result.with_suffix(".png"))
    return result


def in_words(one: EngineFigures) -> str:
    """One line of the table."""
    if one.failure:
        return f"{one.kind} {one.name:<14} {one.failure[:110]}"
    wer = "" if one.wer is None else f"   WER {one.wer:6.1%}"
    rtf = "" if one.rtf is None else f"   RTF {one.rtf:6.3f}"
    return (
        f"{one.kind} {one.name:<14} load {one.load_s:6.1f} s   RSS {one.rss_mb:6.0f} MB   "
        f"first {one.first_ms:7.0f} ms{rtf}{wer}"
    )


def _all_engines() -> list[tuple[str, str]]:
    from processors.hearing.engines import STT_ENGINES
    from processors.language.engines import LLM_ENGINES
    from processors.speaking.engines import TTS_ENGINES

    kinds = (("stt", STT_ENGINES), ("llm", LLM_ENGINES), ("tts", TTS_ENGINES))
    return [(kind, name) for kind, engines in kinds for name in engines if name != "scripted"]


def _in_a_process(kind: str, name: str, config: Path | None) -> EngineFigures:
    command = [sys.executable, "-m", "bench.engines", kind, name, *([str(config)] if config else [])]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=_CHILD_S, check=False)
    except subprocess.TimeoutExpired:
        return EngineFigures(kind, name, failure=f"not measured within {_CHILD_S:g} s")
    last = child.stdout.strip().splitlines()[-1:]
    if child.returncode or not last:
        return EngineFigures(kind, name, failure=f"its process ended with status {child.returncode}")
    return EngineFigures(**json.loads(last[0]))


async def measure(kind: str, name: str, settings: Settings) -> EngineFigures:
    """Measure one engine, here."""
    try:
        match kind:
            case "stt":
                figures = await _stt(name, settings)
            case "tts":
                figures = await _tts(name, settings)
            case _:
                figures = await _llm(name, settings)
    except AcoreError as error:
        return EngineFigures(kind, name, failure=" ".join(str(error).split()))
    # An engine in a worker process of its own (NeMo) is that process, which has ended by now.
    peak_mb = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    return replace(figures, rss_mb=round(peak_mb))


async def _stt(name: str, settings: Settings) -> EngineFigures:
    from bench.corpus.recordings import SENTENCES, load_clip
    from processors.hearing.engines import Segment, make_stt
    from processors.hearing.vad import SAMPLE_RATE_HZ

    stt = make_stt(settings.hearing.model_copy(update={"engine": name, "fallbacks": ()}), model_store(settings))
    with TemporaryDirectory() as downloads:
        clips = [(clip.text, load_clip(clip, Path(downloads))) for clip in SENTENCES if clip.archive is None]
    began_s = time.perf_counter()
    try:
        await stt.start()
        load_s = time.perf_counter() - began_s
        pairs: list[tuple[str, str]] = []
        took: list[tuple[float, float]] = []
        for number, (text, pcm) in enumerate(clips, 1):
            began_s = time.perf_counter()
            pairs.append((text, await stt.transcribe(Segment("reader", number, pcm))))
            took.append((time.perf_counter() - began_s, len(pcm) / SAMPLE_RATE_HZ))
    finally:
        await stt.close()
    errors, words = word_errors(pairs)
    figures = _of_sound("stt", name, load_s, took, [spent_s for spent_s, _ in took])
    return replace(figures, wer=round(errors / words, 4))


async def _tts(name: str, settings: Settings) -> EngineFigures:
    from processors.speaking.engines import VoiceStyle, make_tts

    tts = make_tts(settings.speaking.model_copy(update={"engine": name, "fallbacks": ()}), model_store(settings))
    began_s = time.perf_counter()
    try:
        await tts.start()
        load_s = time.perf_counter() - began_s
        took: list[tuple[float, float]] = []
        firsts: list[float] = []
        for line in _LINES * 3:
            began_s, samples, first_s = time.perf_counter(), 0, 0.0
            async with aclosing(tts.synthesize(line, VoiceStyle())) as pieces:
                async for pcm in pieces:
                    first_s = first_s or time.perf_counter() - began_s
                    samples += len(pcm)
            if not samples:
                raise EngineError(f"{name} made no sound")
            firsts.append(first_s)
            took.append((time.perf_counter() - began_s, samples / tts.sample_rate_hz))
    finally:
        await tts.close()
    return _of_sound("tts", name, load_s, took, firsts)


async def _llm(name: str, settings: Settings) -> EngineFigures:
    from processors.language.engines import Message, make_llm

    language = settings.language.model_copy(update={"provider": name, "fallbacks": ()})
    llm = make_llm(language, model_store(settings))
    began_s = time.perf_counter()
    try:
        await llm.start()
        load_s = time.perf_counter() - began_s
        firsts: list[float] = []
        for line in _LINES * 2:
            began_s, first_s = time.perf_counter(), 0.0
            async with aclosing(llm.stream([Message("user", line)], language.sampling)) as deltas:
                async for delta in deltas:
                    if delta.text.strip():
                        first_s = first_s or time.perf_counter() - began_s
            firsts.append(first_s)
    finally:
        await llm.close()
    return EngineFigures("llm", name, load_s=round(load_s, 2), first_ms=round(median(firsts) * 1000, 1))


def _of_sound(
    kind: str, name: str, load_s: float, took: list[tuple[float, float]], firsts: list[float]
) -> EngineFigures:
    rtf = median(spent_s / sound_s for spent_s, sound_s in took)
    first_ms = round(median(firsts) * 1000, 1)
    return EngineFigures(kind, name, load_s=round(load_s, 2), rtf=round(rtf, 4), first_ms=first_ms)


if __name__ == "__main__":
    _kind, _name, *_config = sys.argv[1:]
    _settings = load_settings(Path(_config[0]) if _config else None)
    print(json.dumps(asdict(asyncio.run(measure(_kind, _name, _settings)))))
