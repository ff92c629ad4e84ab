"""When a failing model is asked again: a circuit breaker. Pure: time arrives as figures.

CLOSED ──`tolerate` failures in a row──► OPEN ──its rest is over──► HALF_OPEN ──success──► CLOSED
                                          ▲                            │
                                          └───failure, twice the rest──┘
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class BreakerPolicy(Protocol):
    """What the settings say of it."""

    @property
    def tolerate(self) -> int:
        """Failures in a row after which it opens."""
        ...

    @property
    def rest_s(self) -> float:
        """The first rest, in seconds."""
        ...

    @property
    def longest_rest_s(self) -> float:
        """The longest rest, in seconds."""
        ...


class Phase(StrEnum):
    """Whether a model is asked."""

    CLOSED = "closed"
    """It is."""
    OPEN = "open"
    """It rests."""
    HALF_OPEN = "half-open"
    """It is being tried, by one request."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """Where one model stands."""

    phase: Phase = Phase.CLOSED
    failures: int = 0
    """In a row."""
    rests: int = 0
    """In a row, since the last success."""
    until_s: float = 0.0
    """When its rest is over."""

    def probe_due(self, now_s: float) -> bool:
        """Whether it has rested and is to be tried."""
        return self.phase is Phase.OPEN and now_s >= self.until_s


def succeeded() -> Breaker:
    """It answered."""
    return Breaker()


def probing(breaker: Breaker) -> Breaker:
    """One request tries it."""
    return Breaker(Phase.HALF_OPEN, breaker.failures, breaker.rests, breaker.until_s)


def failed(breaker: Breaker, now_s: float, policy: BreakerPolicy, *, asked_rest_s: float | None = None) -> Breaker:
    """It failed.

    Args:
        asked_rest_s: how long it asked to be left alone, if it did.
    """
    failures = breaker.failures + 1
    if breaker.phase is Phase.CLOSED and failures < policy.tolerate and asked_rest_s is None:
        return Breaker(failures=failures)
    if breaker.phase is Phase.OPEN:
        # Asked all the same, because nobody else was left: no reason to rest it for longer.
        return Breaker(Phase.OPEN, failures, breaker.rests, breaker.until_s)
    rest_s = min(policy.rest_s * 2 ** min(breaker.rests, 32), policy.longest_rest_s)
    rest_s = max(rest_s if asked_rest_s is None else asked_rest_s, 0.0)
    return Breaker(Phase.OPEN, failures, breaker.rests + 1, now_s + rest_s)
