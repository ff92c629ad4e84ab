"""Several speech-to-text engines as one: the first that is well transcribes, the next one if it fails or is late."""

import asyncio
from collections.abc import Sequence

import numpy as np

from processors.errors import EngineError
from processors.failover import FailoverPolicy, LateError, MemberStatus, Roster
from processors.hearing.engines import Segment, SpeechToText
from processors.hearing.vad import SAMPLE_RATE_HZ
from processors.lanes import Priority

_PROBE = Segment("probe", 0, np.zeros(SAMPLE_RATE_HZ // 2, np.int16))


class FallbackStt:
    """A `SpeechToText` over an ordered list of them."""

    def __init__(self, engines: Sequence[tuple[str, SpeechToText]], policy: FailoverPolicy) -> None:
        self._roster = Roster(engines, policy, _probe)

    @property
    def status(self) -> tuple[MemberStatus, ...]:
        """How each engine is doing, in the order of the list."""
        return self._roster.status

    async def start(self) -> None:
        await self._roster.start()

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        reasons: list[str] = []
        for member, deadline_s in self._roster.candidates():
            try:
                text = await _in_time(member.engine, segment, priority, deadline_s)
            except EngineError as error:
                self._roster.note_failure(member, error)
                reasons.append(f"{member.name}: {error}")
                continue
            self._roster.note_success(member)
            return text
        raise EngineError(f"no speech-to-text engine answered ({'; '.join(reasons)})", retryable=True)

    async def close(self) -> None:
        await self._roster.close()


async def _in_time(stt: SpeechToText, segment: Segment, priority: Priority, deadline_s: float | None) -> str:
    try:
        async with asyncio.timeout(deadline_s):
            return await stt.transcribe(segment, priority=priority)
    except TimeoutError:
        late = f"no transcript within {deadline_s:g} s (HEARING_FAILOVER_DEADLINE_S)"
        raise LateError(late, retryable=True) from None


async def _probe(stt: SpeechToText) -> None:
    await stt.transcribe(_PROBE, priority=Priority.BACKGROUND)
