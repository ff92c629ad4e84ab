"""Pipecat's stock voice bot, wired as its own quick start is.

`LLMContextAggregatorPair` with Silero and the default user turn strategies (smart-turn v3 decides the end of a turn),
a `SegmentedSTTService`, the default sentence aggregation, and the assistant's half of the aggregator behind the output
transport. The services wrap the same engine objects that our pipeline uses. Audio comes in and goes out through the
same transports, on the same clock.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    Frame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.transcriptions.language import Language
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

from bench.designs.design import Sounds
from bench.designs.timeline import Stage, stage
from bench.measure import Recording
from personas.profile import CharacterProfile
from pipeline.engines import Engines
from pipeline.settings import Settings
from pipeline.voice import make_conversation
from processors.hearing.engines import Segment, SpeechToText
from processors.language.engines import LanguageModel, Message
from processors.language.settings import Sampling
from processors.speaking.engines import TextToSpeech, VoiceStyle
from transports.wav import INPUT_RATE_HZ, OUTPUT_RATE_HZ, WavInput, WavOutput


class StockPipecat:
    """The recommended wiring, its defaults untouched."""

    name = "pipecat"
    what = "Pipecat's recommended wiring: Silero, smart-turn v3, segmented STT, sentence aggregation, all at defaults."

    def __init__(self, engines: Engines, settings: Settings, character: CharacterProfile) -> None:
        self._engines = engines
        self._settings = settings
        self._character = character

    async def play(self, sounds: Sounds, out: Path) -> Recording:
        """Hold one conversation. See `Design.play`."""
        prefix = make_conversation(self._settings, self._character, llm=self._engines.llm).prefix
        await self._engines.llm.prefill(prefix)
        with stage(sounds, out) as on:
            await self._hold(on, prefix)
        return on.recording(out)

    async def _hold(self, on: Stage, prefix: Sequence[Message]) -> None:
        context = LLMContext([{"role": message.role, "content": message.content} for message in prefix])  # type: ignore[misc]
        params = LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
        aggregators = LLMContextAggregatorPair(context, user_params=params)
        style = VoiceStyle(self._character.settings.voice, self._character.settings.speed)
        source = WavInput(
            {"speaker": on.source}, on.recorder, on.clock, idle=lambda: on.room.idle, longest_wait_ms=20_000
        )
        pipeline = Pipeline(
            [
                source,
                _Stt(self._engines.stt, on),
                aggregators.user(),
                _Llm(self._engines.llm, self._settings.language.sampling),
                _Tts(self._engines.tts, style),
                WavOutput(on.recorder, on.clock),
                _Watch(on),
                aggregators.assistant(),
            ]
        )
        worker = PipelineWorker(
            pipeline,
            name="stock",
            clock=on.clock,
            params=PipelineParams(audio_in_sample_rate=INPUT_RATE_HZ, audio_out_sample_rate=OUTPUT_RATE_HZ),
        )
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)

        async def finished(_worker: PipelineWorker, _frame: Frame) -> None:
            await runner.end()

        worker.add_event_handler("on_pipeline_finished", finished)
        await runner.run(auto_end=False)
        if source.failure:
            raise source.failure


class _Stt(SegmentedSTTService):
    """The engine behind Pipecat's segmenting, as its own Moonshine service is built."""

    def __init__(self, stt: SpeechToText, on: Stage) -> None:
        super().__init__(
            sample_rate=INPUT_RATE_HZ,
            settings=STTSettings(model=None, language=Language.EN),
            # Measured, as Pipecat asks: the engine's slowest utterance took 370 ms.
            ttfs_p99_latency=0.4,
        )
        self._stt = stt
        self._on = on
        self._count = 0

    @property
    def wants_wav_segments(self) -> bool:
        return False

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        self._count += 1
        text = (await self._stt.transcribe(Segment("speaker", self._count, np.frombuffer(audio, np.int16)))).strip()
        if text:
            self._on.heard.append((self._on.clock.now_ms(), text))
            yield TranscriptionFrame(text, self._user_id, time_now_iso8601(), Language.EN)


class _Llm(LLMService):
    """The engine behind Pipecat's context frames."""

    def __init__(self, llm: LanguageModel, sampling: Sampling) -> None:
        # Every field must be given; the engine has its own sampling.
        nothing: dict[str, Any] = {field.name: None for field in fields(LLMSettings) if field.name != "extra"}
        super().__init__(settings=LLMSettings(**nothing))
        self._llm = llm
        self._sampling = sampling

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        messages = [
            Message(message["role"], message["content"])  # type: ignore[index]
            for message in frame.context.get_messages()
        ]
        await self.push_frame(LLMFullResponseStartFrame())
        try:
            async for delta in self._llm.stream(messages, self._sampling):
                if delta.text:
                    await self._push_llm_text(delta.text)
        finally:
            await self.push_frame(LLMFullResponseEndFrame())


class _Tts(TTSService):
    """The engine behind Pipecat's sentence aggregation."""

    def __init__(self, tts: TextToSpeech, style: VoiceStyle) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            sample_rate=OUTPUT_RATE_HZ,
            settings=TTSSettings(model=None, voice=None, language=Language.EN),
        )
        self._tts = tts
        self._style = style

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        async for piece in self._tts.synthesize(text, self._style):
            yield TTSAudioRawFrame(piece.tobytes(), OUTPUT_RATE_HZ, 1, context_id=context_id)


class _Watch(FrameProcessor):
    """Notes, behind the output transport, when replies begin and what is interrupted."""

    def __init__(self, on: Stage) -> None:
        super().__init__(name="watch")
        self._on = on
        self._begins = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case LLMFullResponseStartFrame():
                self._begins = True
            case TTSAudioRawFrame() if self._begins:
                self._begins = False
                self._on.starts_ms.append(self._on.clock.now_ms())
            case InterruptionFrame() if self._on.room.bot_talking:
                self._on.interruptions_ms.append(self._on.clock.now_ms())
        await self.push_frame(frame, direction)
