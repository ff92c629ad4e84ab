"""LiveKit Agents with its own default turn handling, the same engines behind its plugin interfaces, and no room.

`AgentSession` is given engines, an audio input and an audio output; everything else (its Silero VAD, endpointing,
preemptive generation, sentence tokenizer, false interruption handling) is left as it comes. An optional design:
`pip install -e '.[bench-livekit]'`.
"""

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from livekit import rtc
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    Agent,
    AgentSession,
    APIConnectOptions,
    llm,
    stt,
    tts,
)
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities

from bench.corpus.levels import Pcm
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
from transports.wav import FRAME_MS, INPUT_RATE_HZ, OUTPUT_RATE_HZ

_OUT_SAMPLES = OUTPUT_RATE_HZ * FRAME_MS // 1000
_SETTLE_MS = 1500
_LONGEST_WAIT_MS = 20_000


class LiveKitAgents:
    """The defaults of `AgentSession`."""

    name = "livekit"
    what = "LiveKit Agents' AgentSession at its defaults: its VAD, endpointing, preemptive generation; no room."

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
        style = VoiceStyle(self._character.settings.voice, self._character.settings.speed)
        session = AgentSession(
            stt=_Stt(self._engines.stt, on),
            llm=_Llm(self._engines.llm, self._settings.language.sampling),
            tts=_Tts(self._engines.tts, style),
        )
        examples = llm.ChatContext.empty()
        for message in prefix[1:]:
            examples.add_message(role=message.role, content=message.content)
        microphone, loudspeaker = _Microphone(on), _Loudspeaker(on)
        session.input.audio = microphone
        session.output.audio = loudspeaker
        on.clock.start()
        player = asyncio.create_task(loudspeaker.play(), name="livekit-loudspeaker")
        try:
            await session.start(agent=Agent(instructions=prefix[0].content, chat_ctx=examples))
            await microphone.over.wait()
        finally:
            player.cancel()
            await session.aclose()


class _Microphone(AudioInput):
    """The corpus, 20 ms at a time on the session's clock, then silence until the last answer is over."""

    def __init__(self, on: Stage) -> None:
        super().__init__(label="corpus")
        self._on = on
        self._frames = 0
        self._settled_ms = self._waited_ms = 0
        self._ended = False
        self.over = asyncio.Event()

    async def __anext__(self) -> rtc.AudioFrame:
        frame = None if self._ended else self._on.source.read_frame()
        self._ended = frame is None
        pcm: Pcm = np.zeros(INPUT_RATE_HZ * FRAME_MS // 1000, np.int16) if frame is None else frame
        self._frames += 1
        await asyncio.sleep(max(0.0, self._frames * FRAME_MS - self._on.clock.now_ms()) / 1000)
        self._on.recorder.user([pcm])
        if self._ended:
            self._waited_ms += FRAME_MS
            self._settled_ms = self._settled_ms + FRAME_MS if self._on.room.idle else 0
            if self._settled_ms >= _SETTLE_MS or self._waited_ms >= _LONGEST_WAIT_MS:
                self.over.set()
        return rtc.AudioFrame(pcm.tobytes(), INPUT_RATE_HZ, 1, len(pcm))


class _Loudspeaker(AudioOutput):
    """Plays what it is given at the pace of speech, onto the recording."""

    def __init__(self, on: Stage) -> None:
        super().__init__(
            label="recording", capabilities=AudioOutputCapabilities(pause=True), sample_rate=OUTPUT_RATE_HZ
        )
        self._on = on
        self._waiting = np.empty(0, np.int16)
        self._played = 0
        self._flushed = self._paused = False
        self._changed = asyncio.Event()

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self._waiting = np.concatenate((self._waiting, np.frombuffer(frame.data, np.int16)))
        self._flushed = False
        self._changed.set()

    def flush(self) -> None:
        super().flush()
        self._flushed = True
        self._changed.set()

    def clear_buffer(self) -> None:
        if len(self._waiting) or self._played:
            if self._on.room.bot_talking:
                self._on.interruptions_ms.append(self._on.clock.now_ms())
            self._finish(interrupted=True)

    def pause(self) -> None:
        super().pause()
        self._paused = True

    def resume(self) -> None:
        super().resume()
        self._paused = False
        self._changed.set()

    async def play(self) -> None:
        """Run until cancelled."""
        next_ms = 0.0
        while True:
            if self._paused or not len(self._waiting):
                if self._flushed and self._played and not self._paused:
                    self._finish(interrupted=False)
                self._changed.clear()
                await self._changed.wait()
                continue
            now_ms = self._on.clock.now_ms()
            if now_ms > next_ms + FRAME_MS / 2:
                next_ms = now_ms
            elif now_ms < next_ms:
                await asyncio.sleep((next_ms - now_ms) / 1000)
                continue
            piece, self._waiting = self._waiting[:_OUT_SAMPLES], self._waiting[_OUT_SAMPLES:]
            if not self._played:
                self._on.starts_ms.append(next_ms)
                self.on_playback_started(created_at=asyncio.get_running_loop().time())
            self._on.recorder.bot(next_ms, piece)
            self._played += len(piece)
            next_ms += len(piece) * 1000 / OUTPUT_RATE_HZ

    def _finish(self, *, interrupted: bool) -> None:
        position_s, self._played = self._played / OUTPUT_RATE_HZ, 0
        self._waiting = self._waiting[:0]
        self._flushed = False
        self.on_playback_finished(playback_position=position_s, interrupted=interrupted)


class _Stt(stt.STT):
    """The engine behind LiveKit's recognition of whole segments, which its VAD cuts."""

    def __init__(self, engine: SpeechToText, on: Stage) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self._engine = engine
        self._on = on
        self._count = 0

    async def _recognize_impl(self, buffer, *, language=None, conn_options: APIConnectOptions) -> stt.SpeechEvent:
        self._count += 1
        frame = rtc.combine_audio_frames(buffer)
        pcm = np.frombuffer(frame.data, np.int16)
        text = (await self._engine.transcribe(Segment("speaker", self._count, pcm))).strip()
        if text:
            self._on.heard.append((self._on.clock.now_ms(), text))
        found = stt.SpeechData(language="en", text=text)  # type: ignore[arg-type]
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[found])


class _Llm(llm.LLM):
    """The engine behind LiveKit's chat contexts."""

    def __init__(self, engine: LanguageModel, sampling: Sampling) -> None:
        super().__init__()
        self.engine = engine
        self.sampling = sampling

    def chat(self, *, chat_ctx, tools=None, conn_options=DEFAULT_API_CONNECT_OPTIONS, **_unused) -> llm.LLMStream:
        return _LlmStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _LlmStream(llm.LLMStream):
    async def _run(self) -> None:
        engine = self._llm
        assert isinstance(engine, _Llm)
        messages = [
            Message("system" if item.role == "developer" else item.role, item.text_content or "")
            for item in self._chat_ctx.items
            if item.type == "message"
        ]
        name = uuid.uuid4().hex
        async for delta in engine.engine.stream(messages, engine.sampling):
            if delta.text:
                said = llm.ChoiceDelta(role="assistant", content=delta.text)
                self._event_ch.send_nowait(llm.ChatChunk(id=name, delta=said))


class _Tts(tts.TTS):
    """The engine behind LiveKit's sentence tokenizer."""

    def __init__(self, engine: TextToSpeech, style: VoiceStyle) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=OUTPUT_RATE_HZ, num_channels=1)
        self.engine = engine
        self.style = style

    def synthesize(self, text: str, *, conn_options=DEFAULT_API_CONNECT_OPTIONS) -> tts.ChunkedStream:
        return _TtsStream(tts=self, input_text=text, conn_options=conn_options)


class _TtsStream(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        engine = self._tts
        assert isinstance(engine, _Tts)
        output_emitter.initialize(
            request_id=uuid.uuid4().hex, sample_rate=OUTPUT_RATE_HZ, num_channels=1, mime_type="audio/pcm"
        )
        async for piece in engine.engine.synthesize(self._input_text, engine.style):
            output_emitter.push(piece.tobytes())
        output_emitter.flush()
