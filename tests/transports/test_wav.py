"""Sound files as a transport: in on a 20 ms grid, out at the pace of speech."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import numpy as np
from pipecat.frames.frames import EndWorkerFrame, OutputAudioRawFrame

from processors.clock import SessionClock
from processors.errors import AudioError
from processors.frames import SpeakerAudioFrame
from tests.pipeline.replays import Played
from tests.processors.stages import Alone
from tests.sounds import Pcm
from transports.recorder import ConversationRecorder
from transports.wav import WavInput, WavOutput

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]


class Recorder:
    """Remembers where the bot's sound was put."""

    def __init__(self) -> None:
        self.at_ms: list[float] = []

    def bot(self, at_ms: float, pcm: Pcm) -> None:
        self.at_ms.append(at_ms)

    def user(self, streams: object) -> None: ...


async def played(
    sources: dict[str, Any], idle: Callable[[], bool] = lambda: True, **more: Any
) -> tuple[WavInput, Alone]:
    clock = SessionClock()
    stage = WavInput(sources, ConversationRecorder(), clock, idle=idle, **more)
    alone = Alone(stage)
    await stage._play()
    return stage, alone


def sound(frames: int, level: int = 100) -> Played:
    return Played(np.full(320 * frames, level, np.int16))


def test_every_frame_carries_its_time_in_the_file(virtually: Virtually) -> None:
    _, alone = virtually(played({"ann": sound(10)}, settle_ms=100))
    frames = alone.of(SpeakerAudioFrame)
    assert [frame.pts for frame in frames] == [(tick + 1) * 20_000_000 for tick in range(len(frames))]
    assert np.frombuffer(frames[9].audio, np.int16).any()
    assert not np.frombuffer(frames[10].audio, np.int16).any()


def test_all_speakers_begin_at_once_and_the_shorter_falls_silent(virtually: Virtually) -> None:
    _, alone = virtually(played({"ann": sound(2), "joe": sound(5)}, settle_ms=20))
    loud = [f.user_id for f in alone.of(SpeakerAudioFrame) if np.frombuffer(f.audio, np.int16).any()]
    assert loud == ["ann", "joe", "ann", "joe", "joe", "joe", "joe"]


def test_it_ends_when_the_room_has_been_idle_for_a_while(virtually: Virtually) -> None:
    answers = iter([False] * 50)
    _, alone = virtually(played({"ann": sound(1)}, idle=lambda: next(answers, True), settle_ms=200))
    assert len(alone.of(EndWorkerFrame)) == 1
    assert len(alone.of(SpeakerAudioFrame)) == 1 + 50 + 10


def test_a_room_that_is_never_idle_does_not_keep_it_for_ever(virtually: Virtually) -> None:
    _, alone = virtually(played({"ann": sound(1)}, idle=lambda: False, longest_wait_ms=2000))
    assert len(alone.of(SpeakerAudioFrame)) == 1 + 100
    assert len(alone.of(EndWorkerFrame)) == 1


def test_a_file_that_fails_half_way_ends_it_with_the_reason(virtually: Virtually) -> None:
    class Failing:
        def read_frame(self) -> Pcm | None:
            raise AudioError("the disk is gone")

    stage, alone = virtually(played({"ann": Failing()}))
    assert str(stage.failure) == "the disk is gone"
    assert len(alone.of(EndWorkerFrame)) == 1


def test_output_is_paced_and_a_new_reply_begins_at_once(virtually: Virtually) -> None:
    async def run() -> tuple[list[float], float]:
        clock, recorder = SessionClock(), Recorder()
        output = WavOutput(cast(ConversationRecorder, recorder), clock)
        clock.start()
        frame = OutputAudioRawFrame(bytes(960), 24000, 1)
        for _ in range(5):
            assert await output.write_audio_frame(frame)
        paced_ms = clock.now_ms()
        await asyncio.sleep(1)
        await output.write_audio_frame(frame)
        return recorder.at_ms, paced_ms

    at_ms, paced_ms = virtually(run())
    assert at_ms[:5] == [0.0, 20.0, 40.0, 60.0, 80.0]
    assert paced_ms == 80.0
    assert at_ms[5] == 1080.0
