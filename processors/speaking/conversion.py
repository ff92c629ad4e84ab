"""The conversion stage: a text-to-speech engine whose voice is turned into another one, clause by clause.

`Conversions` holds the converters of a process, one for each different voice that characters ask for, and knows how
each is doing. A room speaks through a `ConvertedTts` of its own, which carries the converter's context from clause to
clause. A clause whose conversion fails, is late or rests is spoken unconverted: it is never lost.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from loguru import logger

from personas.voice import RvcVoice
from processors.errors import AcoreError, EngineError
from processors.lanes import Priority
from processors.language.waiting import outside_work
from processors.speaking.engines import Pcm, TextToSpeech, VoiceStyle
from processors.speaking.rvc import (
    Audio,
    ConversionSession,
    Counts,
    FallingBack,
    Outcome,
    RvcSettings,
    Sound,
    VoiceConverter,
    deadline_s,
    make_converter,
)


@dataclass(slots=True)
class Slot:
    """One voice."""

    converter: VoiceConverter | None = None
    """None while it loads, and after it failed to."""
    state: FallingBack = field(default_factory=FallingBack)
    loading: asyncio.Task[None] | None = None


class Conversions:
    """The converters of a process, by what characters set for themselves."""

    def __init__(self, settings: RvcSettings, make: Callable[[RvcSettings], VoiceConverter] = make_converter) -> None:
        self.policy = settings.fallback
        self._settings = settings
        self._make = make
        self._slots: dict[RvcVoice, Slot] = {}

    @property
    def counts(self) -> Mapping[RvcVoice, Counts]:
        """What became of the clauses of each voice, for metrics."""
        return {voice: slot.state.counts for voice, slot in self._slots.items()}

    async def start(self, voice: RvcVoice) -> None:
        """Load the voice that will be needed first.

        Raises:
            SettingError: a setting is missing or not allowed.
            ModelError: its files are missing or unusable.
            EngineError: it cannot run here, or its server cannot be used.
        """
        slot = self._slots.setdefault(voice, Slot())
        await self._load(voice, slot)

    def slot(self, voice: RvcVoice) -> Slot:
        """Where a voice stands. One never asked for before begins to load, and converts once it is there."""
        slot = self._slots.get(voice)
        if slot is None:
            slot = self._slots[voice] = Slot()
            slot.loading = asyncio.create_task(self._load_later(voice, slot), name="load-conversion")
        return slot

    async def close(self) -> None:
        """Free all converters."""
        loading = [slot.loading for slot in self._slots.values() if slot.loading]
        for task in loading:
            task.cancel()
        await asyncio.gather(*loading, return_exceptions=True)
        for slot in self._slots.values():
            if slot.converter:
                await slot.converter.close()
        self._slots.clear()

    async def _load(self, voice: RvcVoice, slot: Slot) -> None:
        converter = self._make(self._settings.of(voice))
        try:
            with outside_work():
                await converter.start()
        except BaseException:
            await converter.close()
            raise
        slot.converter = converter

    async def _load_later(self, voice: RvcVoice, slot: Slot) -> None:
        try:
            await self._load(voice, slot)
        except AcoreError as error:
            logger.error("a character's voice conversion cannot be used, its plain voice is spoken: {}", error)


class ConvertedTts:
    """A `TextToSpeech` of one room: `tts` in the voice of one character."""

    def __init__(self, tts: TextToSpeech, conversions: Conversions, voice: RvcVoice) -> None:
        self._tts = tts
        self._conversions = conversions
        self._voice = voice
        self._session: ConversionSession | None = None

    @property
    def sample_rate_hz(self) -> int:
        return self._tts.sample_rate_hz

    @property
    def voices(self) -> tuple[str, ...]:
        return self._tts.voices

    async def start(self) -> None:
        """Nothing to do: the engine and the converters are the process's."""

    async def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        slot = self._conversions.slot(self._voice)
        async with contextlib.aclosing(self._tts.synthesize(text, style, priority=priority)) as pieces:
            if slot.converter is None or not slot.state.converts:
                slot.state = slot.state.rested()
                async for pcm in pieces:
                    yield pcm
                return
            clause = _Clause(self._take_session(slot.converter), self.sample_rate_hz, self._conversions)
            async for pcm in pieces:
                await clause.feed(pcm)
        await clause.end()
        before = slot.state
        slot.state = before.after(clause.outcome, self._conversions.policy)
        if clause.outcome is Outcome.CONVERTED:
            # Only a session that came to the clause's end can go on with the next one.
            self._session = clause.session
            yield clause.converted()
            return
        logger.warning("a clause is spoken unconverted: {}", clause.reason)
        if not slot.state.converts:
            logger.warning("voice conversion rests for {} clauses", slot.state.resting)
        yield clause.plain()

    async def close(self) -> None:
        """Nothing to free: the engine and the converters are the process's."""

    def _take_session(self, converter: VoiceConverter) -> ConversionSession:
        session, self._session = self._session, None
        return session or converter.session(self.sample_rate_hz)


class _Clause:
    """One clause under conversion, with its own sound kept in case that fails."""

    def __init__(self, session: ConversionSession, rate_hz: int, conversions: Conversions) -> None:
        self.session = session
        self.outcome = Outcome.CONVERTED
        self.reason = ""
        self._rate_hz = rate_hz
        self._policy = conversions.policy
        self._plain: list[Pcm] = []
        self._converted: list[Sound] = []
        self._spent_s = 0.0

    async def feed(self, pcm: Pcm) -> None:
        """Convert the next piece."""
        self._plain.append(pcm)
        await self._convert(lambda: self.session.feed(np.multiply(pcm, 1 / 32768, dtype=np.float32)))

    async def end(self) -> None:
        """Convert the rest."""
        await self._convert(self.session.flush)

    def plain(self) -> Pcm:
        """The clause as it was synthesised."""
        return np.concatenate(self._plain) if self._plain else np.empty(0, np.int16)

    def converted(self) -> Pcm:
        """The converted clause, at the rate of the plain one."""
        if not self._converted:
            return np.empty(0, np.int16)
        sound = np.concatenate([piece.pcm for piece in self._converted])
        return _int16(_resampled(sound, self._converted[0].rate_hz, self._rate_hz))

    async def _convert(self, pieces: Callable[[], AsyncIterator[Sound]]) -> None:
        if self.outcome is not Outcome.CONVERTED:
            return
        audio_s = sum(map(len, self._plain)) / self._rate_hz
        allowed_s = deadline_s(audio_s, self._policy)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            async with asyncio.timeout(allowed_s - self._spent_s):
                with outside_work():
                    async for sound in pieces():
                        self._converted.append(sound)
        except TimeoutError:
            self.outcome = Outcome.LATE
            self.reason = f"conversion took over {allowed_s:.1f} s for {audio_s:.1f} s (RVC_FALLBACK_MAX_RTF)"
        except EngineError as error:
            self.outcome, self.reason = Outcome.FAILED, str(error)
        self._spent_s += loop.time() - began_s


def _resampled(sound: Audio, rate_hz: int, wanted_hz: int) -> Audio:
    if rate_hz == wanted_hz:
        return sound
    import soxr

    return soxr.resample(sound, rate_hz, wanted_hz)


def _int16(sound: Audio) -> Pcm:
    return (np.clip(sound, -1.0, 1.0) * 32767).astype(np.int16)
