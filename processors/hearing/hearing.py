"""The hearing stage: one Ear per speaker, one speech-to-text engine for all."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from loguru import logger
from pipecat.frames.frames import CancelFrame, EndFrame, Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from processors.clock import SessionClock
from processors.errors import EngineError
from processors.floor import UtteranceRef
from processors.frames import (
    CloseUtteranceFrame,
    CompletenessFrame,
    PartialFrame,
    SilentFrame,
    SpeakerAudioFrame,
    SpeakerLeftFrame,
    TranscribedFrame,
    TranscribeFrame,
    VoicedFrame,
)
from processors.hearing.ear import Ear, Window
from processors.hearing.engines import SpeechToText
from processors.hearing.judge import Judge
from processors.hearing.plausibility import doubt
from processors.hearing.scribe import Scribe
from processors.hearing.scripted import ScriptedStt
from processors.hearing.settings import HearingSettings
from processors.hearing.turn_end import Look, Pause, TurnEndDetector
from processors.hearing.vad import WINDOW_MS, VoiceActivityDetector
from processors.words import words_of

_LEFT_SILENCE_MS = 60_000
"""The silence reported for somebody who left: longer than any turn waits for."""


@dataclass(slots=True)
class _Speaker:
    ear: Ear
    stopped_ms: float = 0.0
    left: bool = False
    scribe: Scribe | None = None
    ahead: asyncio.Task[None] | None = None
    silence_ms: int = 0
    judge: Judge | None = None
    asked: tuple[UtteranceRef, int] | None = None
    """Who wants to know how finished it sounds, until that is being found out."""
    telling: asyncio.Task[None] | None = None


class Hearing(FrameProcessor):
    """Consumes `SpeakerAudioFrame`s, which go no further; produces `VoicedFrame`, `SilentFrame`, `TranscribedFrame`.

    Takes `TranscribeFrame` and `CloseUtteranceFrame` from downstream. `SpeakerLeftFrame` ends what its speaker was
    saying and forgets the speaker.
    """

    def __init__(
        self,
        stt: SpeechToText,
        make_vad: Callable[[], VoiceActivityDetector],
        turn_end: TurnEndDetector | None,
        settings: HearingSettings,
        clock: SessionClock,
    ) -> None:
        super().__init__(name="hearing")
        self._stt = stt
        self._make_vad = make_vad
        self._turn_end = turn_end
        self._settings = settings
        self._clock = clock
        self._speakers: dict[str, _Speaker] = {}
        self._transcribing: dict[UtteranceRef, asyncio.Task[None]] = {}
        self.unheard: set[str] = set()
        """Speakers beyond the limit, who are not transcribed."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case SpeakerAudioFrame():
                await self._hear(frame)
            case TranscribeFrame():
                self._start_transcribing(frame)
            case CloseUtteranceFrame(ref=ref):
                await self._close(ref)
            case SpeakerLeftFrame(speaker=speaker):
                await self._leave(speaker)
            case EndFrame() | CancelFrame():
                await self._stop_transcribing()
                await self.push_frame(frame, direction)
            case _:
                await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        await self._stop_transcribing()
        await super().cleanup()

    async def _hear(self, frame: SpeakerAudioFrame) -> None:
        name = frame.user_id
        speaker = self._speakers.get(name) or self._admit(name)
        if speaker is None:
            return
        speaker.left = False
        # A file's frames carry their media time; live ones are as old as they are.
        end_ms = self._clock.now_ms() if frame.pts is None else frame.pts / 1e6
        for window in speaker.ear.feed(np.frombuffer(frame.audio, np.int16), end_ms):
            speaker.stopped_ms, speaker.silence_ms = window.stopped_ms, window.silence_ms
            self._write_ahead(name, speaker, window)
            if self._turn_end:
                self._judge(name, speaker, self._turn_end).follow(window)
            self._tell_when_due(speaker)
            await self.push_frame(self._describe(name, window))

    def _admit(self, name: str) -> _Speaker | None:
        if len(self._speakers) >= self._settings.max_speakers:
            if name not in self.unheard and len(self.unheard) < 1000:
                self.unheard.add(name)
                logger.warning(
                    "{} is not heard: {} people are already (HEARING_MAX_SPEAKERS)", name, self._settings.max_speakers
                )
            return None
        self.unheard.discard(name)
        speaker = _Speaker(Ear(self._make_vad(), self._settings.ear))
        self._speakers[name] = speaker
        return speaker

    def _describe(self, name: str, window: Window) -> Frame:
        ref = UtteranceRef(name, window.number)
        if window.silence_ms:
            return SilentFrame(ref, window.silence_ms, window.stopped_ms, window.at_ms, window.stirring)
        return VoicedFrame(ref, window.voiced_ms, window.at_ms)

    def _write_ahead(self, name: str, speaker: _Speaker, window: Window) -> None:
        """Begin to transcribe when the level drops: it is probably the end, and the detector will say so later."""
        ahead_ms = self._settings.ahead_ms
        if not ahead_ms or window.quiet_ms < ahead_ms or window.silence_ms > ahead_ms * 4:
            return
        scribe = self._scribe(name, speaker)
        if not scribe.covers(speaker.ear.spoken_length):
            ref = UtteranceRef(name, window.number)
            speaker.ahead = self.create_task(self._transcribe_ahead(ref, speaker, scribe), name=f"ahead-{name}")

    def _scribe(self, name: str, speaker: _Speaker) -> Scribe:
        if speaker.scribe is None:
            number = speaker.ear.utterance or 0
            # Not Pipecat's tasks, which log an error and end with None: whoever waits for the words must be told.
            speaker.scribe = Scribe(self._stt, name, number, lambda work: asyncio.create_task(work, name=f"stt-{name}"))
        return speaker.scribe

    async def _transcribe_ahead(self, ref: UtteranceRef, speaker: _Speaker, scribe: Scribe) -> None:
        ear = speaker.ear
        try:
            text = await scribe.transcribe(ear.sound, spoken=ear.spoken_length, end=ear.length, ahead=True)
        except EngineError as error:
            # Whoever asks for these words will be told.
            logger.debug("words ahead failed: {}", error)
            return
        if text:
            still = ear.utterance == ref.number and scribe.covers(ear.spoken_length)
            await self.push_frame(PartialFrame(ref, text, still))

    def _start_transcribing(self, frame: TranscribeFrame) -> None:
        ref = frame.ref
        speaker = self._speakers.get(ref.speaker)
        if speaker is None or speaker.ear.utterance != ref.number:
            return
        older = self._transcribing.pop(ref, None)
        if older:
            older.cancel()
        with logger.contextualize(turn=frame.turn):
            work = self._transcribe(ref, frame.request, speaker, self._scribe(ref.speaker, speaker))
            task = self.create_task(work, name=f"transcribe-{frame.request}")
            self._transcribing[ref] = task
            if self._turn_end:
                speaker.asked = (ref, frame.request)
                self._tell_when_due(speaker)

    def _judge(self, name: str, speaker: _Speaker, detector: TurnEndDetector) -> Judge:
        if speaker.judge is None:
            ear, scribe = speaker.ear, self._scribe(name, speaker)

            def pause() -> Pause:
                segment = scribe.segment(ear.sound)
                lead_ms = self._settings.ear.pre_roll_ms if segment.part == 0 else 0
                return Pause(ear.sound(), segment, (ear.length - ear.spoken_length) * WINDOW_MS, lead_ms)

            speaker.judge = Judge(detector, ear, pause)
        return speaker.judge

    def _tell_when_due(self, speaker: _Speaker) -> None:
        """Answer who asked how finished it sounds, once enough of the pause has been heard."""
        detector, asked = self._turn_end, speaker.asked
        if detector is None or asked is None:
            return
        ref, request = asked
        if speaker.ear.utterance != ref.number:
            speaker.asked = None
            return
        judge = self._judge(ref.speaker, speaker, detector)
        if speaker.silence_ms >= judge.wanted_ms:
            speaker.asked = None
            telling = self._tell_judgement(ref, request, judge.last_look())
            speaker.telling = self.create_task(telling, name=f"judge-{request}")

    async def _tell_judgement(self, ref: UtteranceRef, request: int, look: asyncio.Task[Look]) -> None:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                # Waited for without owning it: the next request may find it good enough.
                await asyncio.wait([look])
            probability = 1.0 if look.cancelled() else look.result().completeness
        except (EngineError, TimeoutError) as error:
            # The words alone decide then.
            logger.warning("the end of a turn could not be judged: {}", str(error) or "timeout")
            probability = 1.0
        await self.push_frame(CompletenessFrame(ref, request, probability))

    async def _transcribe(self, ref: UtteranceRef, request: int, speaker: _Speaker, scribe: Scribe) -> None:
        ear = speaker.ear
        evidence, began_ms = ear.evidence(), ear.began_ms
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                text = await scribe.transcribe(ear.sound, spoken=ear.spoken_length, end=ear.length)
        except (EngineError, TimeoutError) as error:
            # Heard as nothing: the turn closes with that reason instead of staying open for ever.
            await self.push_error(f"speech-to-text failed: {str(error) or 'timeout'}", exception=error)
            text = ""
        # A script makes nothing up, whatever sound it is given.
        scripted = isinstance(self._stt, ScriptedStt)
        if not scripted and (reason := doubt(text, evidence, self._settings.plausibility)):
            logger.info("what {} seemed to say is not believed: {}", ref.speaker, reason)
            text = ""
        if self._transcribing.get(ref) is asyncio.current_task():
            del self._transcribing[ref]
        # A text that was dropped has taken its words along.
        words = tuple(word.later(began_ms) for word in words_of(text))
        judging = self._turn_end is not None
        await self.push_frame(TranscribedFrame(ref, request, text, self._clock.now_ms(), judging, words))

    async def _close(self, ref: UtteranceRef) -> None:
        task = self._transcribing.pop(ref, None)
        if task:
            await self.cancel_task(task)
        speaker = self._speakers.get(ref.speaker)
        if speaker and speaker.ear.utterance == ref.number:
            speaker.ear.close()
            await self._stop_scribe(speaker)
            if speaker.left:
                del self._speakers[ref.speaker]

    async def _leave(self, name: str) -> None:
        self.unheard.discard(name)
        speaker = self._speakers.get(name)
        if speaker is None:
            return
        speaker.left = True
        number = speaker.ear.utterance
        if number is None:
            del self._speakers[name]
        else:
            ref = UtteranceRef(name, number)
            await self.push_frame(SilentFrame(ref, _LEFT_SILENCE_MS, speaker.stopped_ms, self._clock.now_ms()))

    async def _stop_scribe(self, speaker: _Speaker) -> None:
        scribe, speaker.scribe = speaker.scribe, None
        judging = speaker.judge.close() if speaker.judge else []
        beside = [task for task in (speaker.ahead, speaker.telling, *judging) if task]
        speaker.ahead = speaker.telling = speaker.judge = speaker.asked = None
        for task in beside:
            await self.cancel_task(task)
        drafts = scribe.close() if scribe else []
        for task in drafts:
            task.cancel()
        await asyncio.gather(*drafts, return_exceptions=True)

    async def _stop_transcribing(self) -> None:
        tasks, self._transcribing = list(self._transcribing.values()), {}
        for task in tasks:
            await self.cancel_task(task)
        for speaker in self._speakers.values():
            await self._stop_scribe(speaker)
