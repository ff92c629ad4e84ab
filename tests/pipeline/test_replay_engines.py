"""The embedded engines on real and made-up sound: people are answered, nothing is made up."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from personas.library import load_character
from pipeline.replay import Replay, Room, run_replay
from pipeline.settings import Settings
from processors.models import ModelStore
from processors.speaking.engines import VoiceStyle
from processors.speaking.hibari_tts import HibariTts
from tests.pipeline.replays import Played
from tests.pipeline.test_replay import MEASURED_WITHIN_MS
from tests.sounds import RATE_HZ, Pcm, band, chords, cut, drums, melody, noise, silence, sung

ONLY_EARS = Settings.model_validate(
    {"language": {"provider": "scripted", "scripted_replies": ["I see."]}, "speaking": {"engine": "scripted"}}
)


def hear(sound: Pcm, settings: Settings = ONLY_EARS, out: Path | None = None) -> Replay:
    source = {"alice": Played(sound)}
    return run_replay(source, settings, load_character("ava"), speed="fast", out=out, stereo=out is not None)


def words(replay: Replay) -> list[str]:
    return [one.text for turn in replay.turns for one in turn.heard]


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Replay, Path]:
    """A person asks, and every embedded engine has its part in the answer."""
    out = tmp_path_factory.mktemp("answered") / "out.wav"
    question = cut("endgame_nagg_nell", 0, 1.3)
    return hear(np.concatenate((question, silence(6))), Settings(), out=out), out


def test_human_speech_is_heard_and_answered(answered: tuple[Replay, Path]) -> None:
    (turn,) = answered[0].turns
    assert "hear me" in turn.heard[0].text.lower()
    assert turn.answered
    assert turn.spoken
    assert turn.said.startswith(turn.spoken)


def test_its_v2v_is_what_the_recording_shows(answered: tuple[Replay, Path]) -> None:
    """By energy: from the last 10 ms within 14 dB of the question's loud parts to the bot's first audible sample."""
    replay, out = answered
    stereo, rate_hz = soundfile.read(out, dtype="int16")
    user, bot = stereo.T.astype(np.float64)
    run = rate_hz // 100
    levels = np.sqrt(np.square(user[: len(user) // run * run]).reshape(-1, run).mean(axis=1))
    speaking = levels[levels > levels.max() / 100]
    last_ms = (np.flatnonzero(levels > np.percentile(speaking, 95) * 10 ** (-14 / 20)).max() + 1) * 10
    first_ms = np.flatnonzero(np.abs(bot) > 327).min() * 1000 / rate_hz
    assert replay.turns[0].v2v_ms == pytest.approx(first_ms - last_ms, abs=MEASURED_WITHIN_MS)


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        (lambda: cut("endgame_nagg_nell", 1.2, 2.3), "yes"),
        (lambda: cut("endgame_nagg_nell", 3.6, 4.7), "yes"),
        (lambda: spoken("No."), "no"),
        (lambda: spoken("Stop!"), "stop"),
        (lambda: cut("beckett", 0, 13), "no matter"),
        (lambda: mixed(cut("beckett", 0, 13), noise(13, 0.01)), "no matter"),
        (lambda: mixed(cut("endgame_nagg_nell", 0, 1.3), band(1.3) // 8), "hear me"),
    ],
    ids=["a short yes", "another yes", "a short no", "stop", "short sentences", "a noisy room", "music behind a voice"],
)
def test_people_are_not_taken_for_music(sound: Callable[[], Pcm], expected: str) -> None:
    replay = hear(np.concatenate((silence(0.5), sound(), silence(2))))
    assert expected in " ".join(words(replay)).lower()


def spoken(text: str) -> Pcm:
    """A word in the embedded voice."""

    async def speak() -> Pcm:
        tts = HibariTts(ModelStore())
        try:
            await tts.start()
            sound = np.concatenate([piece async for piece in tts.synthesize(text, VoiceStyle())])
        finally:
            await tts.close()
        return np.asarray(soxr.resample(sound, tts.sample_rate_hz, RATE_HZ), np.int16)

    return asyncio.run(speak())


class Loudspeaker:
    """Somebody asks, and what the bot answers comes back out of their loudspeaker, quieter and a little later."""

    _LATER_FRAMES = 6

    def __init__(self, question: Pcm, echo: Pcm, room: Room) -> None:
        self._question, self._echo, self._rest = Played(question), Played(echo // 3), Played(silence(2))
        self._room = room
        self._talking_frames = 0

    def read_frame(self) -> Pcm | None:
        if (frame := self._question.read_frame()) is not None:
            return frame
        self._talking_frames += self._room.bot_talking or self._talking_frames > 0
        if self._talking_frames <= self._LATER_FRAMES:
            return silence(0.02)
        echo = self._echo.read_frame()
        return self._rest.read_frame() if echo is None else echo


def test_the_bots_own_voice_out_of_a_loudspeaker_does_not_stop_it() -> None:
    reply = "Once upon a time there was a cat who lived by the sea and was never hungry."
    settings = Settings.model_validate({"language": {"provider": "scripted", "scripted_replies": [reply, "Sorry?"]}})
    question, echo = np.concatenate((cut("endgame_nagg_nell", 0, 2.2), silence(0.5))), spoken(reply)
    replay = run_replay(
        lambda room: {"alice": Loudspeaker(question, echo, room)}, settings, load_character("ava"), speed="fast"
    )
    first, *rest = replay.turns
    assert (first.spoken, first.interrupted_by) == (reply, None)
    # Its end outlasts the reply; nothing was said by anybody.
    assert not any(turn.heard or turn.answered for turn in rest)


def mixed(*sounds: Pcm) -> Pcm:
    length = min(map(len, sounds))
    return np.clip(np.sum([sound[:length].astype(int) for sound in sounds], axis=0), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize(
    "sound",
    [lambda: sung(20, seed=3), lambda: mixed(sung(20, seed=2) // 2, chords(20) // 4, drums(20) // 4)],
    ids=["a singing synthesiser", "one in a band"],
)
def test_words_the_engine_makes_up_from_singing_are_not_believed(sound: Callable[[], Pcm]) -> None:
    believed = {"hearing": {"plausibility": {"least_certainty": 0.0, "most_letters_per_s": 0.0}}}
    assert words(hear(sound(), Settings.model_validate({**ONLY_EARS.model_dump(), **believed}))) != []
    assert words(hear(sound())) == []


SOUNDS = {
    "silence": lambda: silence(20),
    "white noise": lambda: noise(20, 0.1),
    "faint noise": lambda: noise(20, 0.003),
    "pink noise": lambda: noise(20, 0.1, slope=0.5),
    "brown noise": lambda: noise(20, 0.2, slope=1.0),
    "chords": lambda: chords(20),
    "plucked chords": lambda: chords(20, decay=2.0),
    "drums": lambda: drums(20),
    "a melody": lambda: melody(20),
    "a band": lambda: band(20),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_nothing_is_made_up_from(name: str) -> None:
    replay = hear(SOUNDS[name]())
    assert words(replay) == []
    assert not any(turn.answered for turn in replay.turns)
    assert replay.audio_s > 20
