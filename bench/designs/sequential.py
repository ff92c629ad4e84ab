"""The sequential design: wait for a second of silence, transcribe all, answer all, speak all, then play it.

The shape of most hobby voice bots, and of the project this one grew out of. It gets the same ears (Silero), engines,
prompt and history; nothing overlaps, nothing is prepared, and what is said while it works or talks is not heard.
"""

import asyncio
from pathlib import Path

import numpy as np

from bench.designs.design import Sounds
from bench.designs.timeline import Stage, stage
from bench.measure import Recording
from personas.profile import CharacterProfile
from pipeline.engines import Engines
from pipeline.settings import Settings
from pipeline.voice import make_conversation
from processors.floor import Heard
from processors.hearing.ear import Ear
from processors.hearing.engines import Segment
from processors.speaking.engines import VoiceStyle
from transports.wav import FRAME_MS

_END_OF_TURN_MS = 1000
_OUT_FRAME = 480
_SETTLE_MS = 1500


class Sequential:
    """One thing after the other."""

    name = "sequential"
    what = "1 s of silence ends a turn; then the whole utterance, the whole answer, the whole sound."

    def __init__(self, engines: Engines, settings: Settings, character: CharacterProfile) -> None:
        self._engines = engines
        self._settings = settings
        self._character = character

    async def play(self, sounds: Sounds, out: Path) -> Recording:
        """Hold one conversation. See `Design.play`."""
        conversation = make_conversation(self._settings, self._character, llm=self._engines.llm)
        await self._engines.llm.prefill(conversation.prefix)
        with stage(sounds, out) as on:
            await self._hold(on, conversation)
        return on.recording(out)

    async def _hold(self, on: Stage, conversation) -> None:
        ear = Ear(self._engines.make_vad(), self._settings.hearing.ear)
        answering: asyncio.Task[None] | None = None
        utterances = idle_ms = frames = 0
        ended = False
        on.clock.start()
        try:
            while not ended or idle_ms < _SETTLE_MS:
                frame = None if ended else on.source.read_frame()
                ended = ended or frame is None
                pcm = np.zeros(16 * FRAME_MS, np.int16) if frame is None else frame
                frames += 1
                await asyncio.sleep(max(0.0, frames * FRAME_MS - on.clock.now_ms()) / 1000)
                on.recorder.user([pcm])
                busy = answering is not None and not answering.done()
                if answering is not None and answering.done():
                    await answering
                    answering = None
                idle_ms = idle_ms + FRAME_MS if ended and not busy and on.room.idle else 0
                windows = ear.feed(pcm, frames * FRAME_MS)
                if busy:
                    ear.close()
                elif windows and windows[-1].silence_ms >= _END_OF_TURN_MS:
                    utterances += 1
                    segment = Segment("speaker", utterances, ear.sound())
                    ear.close()
                    answering = asyncio.create_task(self._answer(on, conversation, segment, windows[-1].stopped_ms))
        finally:
            if answering is not None:
                answering.cancel()

    async def _answer(self, on: Stage, conversation, segment: Segment, stopped_ms: float) -> None:
        text = (await self._engines.stt.transcribe(segment)).strip()
        if not text:
            return
        on.heard.append((stopped_ms, text))
        heard = (Heard("speaker", text),)
        deltas = self._engines.llm.stream(conversation.request(heard), self._settings.language.sampling)
        reply = "".join([delta.text async for delta in deltas]).strip()
        if not reply:
            return
        style = VoiceStyle(self._character.settings.voice, self._character.settings.speed)
        sound = np.concatenate([piece async for piece in self._engines.tts.synthesize(reply, style)])
        began_ms = on.clock.now_ms()
        on.starts_ms.append(began_ms)
        for begin in range(0, len(sound), _OUT_FRAME):
            at_ms = began_ms + begin / 24
            await asyncio.sleep(max(0.0, at_ms - on.clock.now_ms()) / 1000)
            on.recorder.bot(at_ms, sound[begin : begin + _OUT_FRAME])
        conversation.add(heard, reply)
