"""How the engines are doing, in words for people: which of a list answers, which rests and why."""

from collections.abc import Collection, Sequence
from typing import Protocol

from pipeline.engines import Engines
from pipeline.settings import Settings
from processors.hearing.fallback import FallbackStt
from processors.language.breaker import Phase
from processors.language.fallback import FallbackLlm
from processors.speaking.fallback import FallbackTts
from processors.speaking.rvc import Counts


class _Status(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def phase(self) -> Phase: ...
    @property
    def failed(self) -> int: ...
    @property
    def late(self) -> int: ...
    @property
    def last_error(self) -> str: ...


def engine_health(settings: Settings, engines: Engines | None) -> dict[str, str]:
    """One line for each kind of engine; `engines` is None while they load."""
    chosen = {
        "hears": settings.hearing.engine,
        "thinks": settings.language.provider,
        "speaks": settings.speaking.engine,
    }
    if engines is None:
        return {what: f"{name}, loading" for what, name in chosen.items()}
    lines = {what: f"{name}, ready" for what, name in chosen.items()}
    for what, engine in (("hears", engines.stt), ("thinks", engines.llm), ("speaks", engines.tts)):
        if isinstance(engine, FallbackStt | FallbackLlm | FallbackTts):
            lines[what] = in_words(engine.status)
    if engines.conversions:
        lines["voice conversion"] = f"{settings.rvc.mode}, {_clauses(engines.conversions.counts.values())}"
    return lines


def in_words(members: Sequence[_Status]) -> str:
    """A list of engines, such as `parakeet-http resting (1 failed, 0 late; it cannot be reached), moonshine ready`."""
    return ", ".join(
        f"{member.name} ready"
        if member.phase is Phase.CLOSED
        else f"{member.name} resting ({member.failed} failed, {member.late} late; {member.last_error})"
        for member in members
    )


def _clauses(counts: Collection[Counts]) -> str:
    converted, plain = sum(c.converted for c in counts), sum(c.unconverted for c in counts)
    return f"{converted} clauses converted, {plain} spoken unconverted"
