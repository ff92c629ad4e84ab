"""Applies the verdicts of `health` to a live connection, one look a second."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from loguru import logger

from transports.discord.events import Mending
from transports.discord.health import Health, HealthPolicy, Observation, Remedy, step

_LOOK_EVERY_S = 1.0


def clock_s() -> float:
    """Seconds that pass while the machine sleeps, too: `time.monotonic` stands still meanwhile on Linux."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


class Supervisor:
    """Watches one stay in a voice channel."""

    def __init__(
        self,
        policy: HealthPolicy,
        observe: Callable[[], Observation],
        remedies: Mapping[Remedy, Callable[[], Awaitable[None]]],
        emit: Callable[[Mending], None],
    ) -> None:
        """Args:
        policy: When something counts as a fault.
        observe: Reads the counters.
        remedies: What to run for each remedy; one without an entry is only reported.
        emit: Told of every fault before its remedy runs.
        """
        self._policy = policy
        self._observe = observe
        self._remedies = remedies
        self._emit = emit
        self._health = Health()
        self.counts: Counter[str] = Counter()
        """How often each remedy was applied, by its name."""

    async def run(self) -> None:
        """Watch until cancelled, or until giving up."""
        while True:
            before_s = clock_s()
            await asyncio.sleep(_LOOK_EVERY_S)
            if await self.look(clock_s() - before_s - _LOOK_EVERY_S) is Remedy.GIVE_UP:
                return

    async def look(self, stood_still_s: float = 0.0) -> Remedy | None:
        """Take one observation, `stood_still_s` later than meant, and apply what it calls for."""
        seen = replace(self._observe(), stood_still_s=stood_still_s)
        self._health, verdict = step(self._health, seen, self._policy)
        if verdict is None:
            return None
        logger.warning(f"Discord voice is {verdict.fault.name.lower()}: {verdict.remedy.name.lower()}")
        self.counts[verdict.remedy.name.lower()] += 1
        self._emit(Mending(verdict.fault, verdict.remedy))
        if (apply := self._remedies.get(verdict.remedy)) is not None:
            try:
                await apply()
            except Exception:  # a remedy that fails is followed by the next one, not by an unsupervised call
                logger.exception(f"{verdict.remedy.name.lower()} failed")
        return verdict.remedy
