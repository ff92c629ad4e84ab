"""Several text-to-speech engines as one: the first that is well speaks, the next one if it fails or is late.

A clause is spoken whole by one engine: half of it in one voice and half in another would be worse than a wait. Its
sound is therefore passed on when it is complete, which costs nothing: the speaking stage waits for the whole clause.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence

import numpy as np

from processors.errors import EngineError
from processors.failover import FailoverPolicy, LateError, MemberStatus, Roster
from processors.lanes import Priority
from processors.speaking.engines import Pcm, TextToSpeech, VoiceStyle

_PROBE = "Yes."


class FallbackTts:
    """A `TextToSpeech` over an ordered list of them, at the rate and with the voices of the first."""

    def __init__(self, engines: Sequence[tuple[str, TextToSpeech]], policy: FailoverPolicy) -> None:
        self._roster = Roster(engines, policy, _probe)
        self._first = engines[0][1]
        self._rate_hz = self._first.sample_rate_hz

    @property
    def sample_rate_hz(self) -> int:
        return self._rate_hz

    @property
    def voices(self) -> tuple[str, ...]:
        return self._first.voices

    @property
    def status(self) -> tuple[MemberStatus, ...]:
        """How each engine is doing, in the order of the list."""
        return self._roster.status

    async def start(self) -> None:
        await self._roster.start()
        # Some know it only once they are loaded; from here on it stays.
        self._rate_hz = self._first.sample_rate_hz

    async def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        reasons: list[str] = []
        for member, deadline_s in self._roster.candidates():
            try:
                pcm = await _whole_clause(member.engine, text, style, priority, deadline_s)
            except EngineError as error:
                self._roster.note_failure(member, error)
                reasons.append(f"{member.name}: {error}")
                continue
            self._roster.note_success(member)
            yield _at_rate(pcm, member.engine.sample_rate_hz, self._rate_hz)
            return
        raise EngineError(f"no text-to-speech engine answered ({'; '.join(reasons)})", retryable=True)

    async def close(self) -> None:
        await self._roster.close()


async def _whole_clause(
    tts: TextToSpeech, text: str, style: VoiceStyle, priority: Priority, deadline_s: float | None
) -> Pcm:
    sound: list[Pcm] = []
    async with contextlib.aclosing(tts.synthesize(text, style, priority=priority)) as pieces:
        while True:
            try:
                async with asyncio.timeout(deadline_s):
                    sound.append(await anext(pieces))
            except StopAsyncIteration:
                return np.concatenate(sound) if sound else np.empty(0, np.int16)
            except TimeoutError:
                late = f"no sound within {deadline_s:g} s (SPEAKING_FAILOVER_DEADLINE_S)"
                raise LateError(late, retryable=True) from None


def _at_rate(pcm: Pcm, rate_hz: int, wanted_hz: int) -> Pcm:
    if rate_hz == wanted_hz:
        return pcm
    import soxr

    return soxr.resample(pcm, rate_hz, wanted_hz)


async def _probe(tts: TextToSpeech) -> None:
    await _whole_clause(tts, _PROBE, VoiceStyle(), Priority.BACKGROUND, None)
