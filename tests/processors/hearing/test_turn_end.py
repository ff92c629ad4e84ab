"""Has the speaker finished? The detectors, and how the hearing stage asks them."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.engines import model_store, models_needed
from pipeline.settings import load_settings
from processors.clock import SessionClock
from processors.errors import EngineError, ModelError, SettingError
from processors.floor import UtteranceRef
from processors.frames import CompletenessFrame, TranscribeFrame
from processors.hearing.engines import Segment, make_stt
from processors.hearing.hearing import Hearing
from processors.hearing.moonshine import MoonshineStt
from processors.hearing.moonshine_model import MoonshineModel, Written
from processors.hearing.punctuation import PunctuationTurnEnd, completeness_of
from processors.hearing.scripted import ScriptedStt
from processors.hearing.settings import HearingSettings
from processors.hearing.turn_end import Look, Pause, SmartTurn, TurnEndDetector, chosen_turn_end, make_turn_end
from processors.models import ModelStore
from tests.pipeline.replays import LevelVad, tone
from tests.processors.stages import Alone, listen
from tests.sounds import RATE_HZ, cut, recording, silence

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]
ANN = UtteranceRef("ann", 1)
STORE = model_store(load_settings(environ={}))

# Where the reader of "A Tale of Two Cities" has been silent for 190 ms: behind the first half of a sentence of two
# ("It was the age of wisdom,") and behind the second ("it was the age of foolishness.").
HALVES_END_S = (2.91, 6.37, 10.46)
SENTENCES_END_S = (4.42, 8.19, 12.90)


def pause_at(end_s: float) -> Pause:
    sound = cut("two_cities", max(0.0, end_s - 6), end_s)
    return Pause(sound, Segment("reader", 1, sound), 190)


async def judged(detector: TurnEndDetector, *ends_s: float) -> list[float]:
    return [(await looked(detector, pause_at(end_s))).completeness for end_s in ends_s]


async def looked(detector: TurnEndDetector, pause: Pause) -> Look:
    """All its looks at one pause; the last."""
    looks: list[Look] = []
    for _ in detector.looks_ms:
        looks.append(await detector.look(pause, looks))
    return looks[-1]


async def test_a_sentence_sounds_more_finished_than_its_half():
    detector = PunctuationTurnEnd(ScriptedStt(()), STORE)
    await detector.start()
    try:
        halves, sentences = await judged(detector, *HALVES_END_S), await judged(detector, *SENTENCES_END_S)
    finally:
        await detector.close()
    assert max(halves) < 0.5
    assert min(sentences) > 0.8


async def test_words_that_are_written_down_already_are_not_written_again(monkeypatch: pytest.MonkeyPatch):
    stt = MoonshineStt(STORE)
    detector = PunctuationTurnEnd(stt, STORE)
    await asyncio.gather(stt.start(), detector.start())
    try:
        for end_s in SENTENCES_END_S:
            pause = pause_at(end_s)
            fresh = await detector.look(pause)
            assert stt.model
            # As it is in a call: when the level dropped, 32 ms behind the last sound.
            written = replace(pause.segment, pcm=pause.segment.pcm[: -(190 - 32) * RATE_HZ // 1000])
            await stt.transcribe(written)
            with monkeypatch.context() as patched:
                patched.setattr(stt.model, "write", None)
                look = await detector.look(pause)
            assert look.completeness > 0.8
            assert look.completeness == pytest.approx(fresh.completeness, abs=0.2)
            # Something was said behind those words: it listens for itself.
            more = replace(pause, silence_ms=100)
            with monkeypatch.context() as patched:
                patched.setattr(stt.model, "write", None)
                with pytest.raises(EngineError, match="NoneType"):
                    await detector.look(more)
    finally:
        await detector.close()
        await stt.close()


async def test_beside_moonshine_it_shares_the_model_and_the_words():
    stt = MoonshineStt(STORE)
    detector = PunctuationTurnEnd(stt, STORE)
    await asyncio.gather(stt.start(), detector.start())
    pause = pause_at(SENTENCES_END_S[0])
    try:
        alone = (await looked(detector, pause)).completeness
        await stt.transcribe(pause.segment)
        assert stt.draft(pause.segment)
        # What is taken over from the words may differ a little: the model's numbers have eight bits.
        assert (await looked(detector, pause)).completeness == pytest.approx(alone, abs=0.05)
    finally:
        await detector.close()
        await stt.close()


async def test_its_second_look_needs_no_words_of_its_own_and_counts_as_much_as_the_first(
    monkeypatch: pytest.MonkeyPatch,
):
    detector = PunctuationTurnEnd(ScriptedStt(()), STORE)
    await detector.start()
    written: list[str] = []
    write = MoonshineModel.write

    def noting(model: MoonshineModel, *args: Any, **more: Any) -> Written:
        result = write(model, *args, **more)
        written.append(result.text)
        return result

    monkeypatch.setattr(MoonshineModel, "write", noting)
    sound = cut("two_cities", 2.4, SENTENCES_END_S[0])
    pause = Pause(sound, Segment("reader", 1, sound), 190, lead_ms=320)
    try:
        first = await detector.look(pause)
        both = await detector.look(pause, [first])
        # As if it had been given the second look's sound at first: less of what is before the speech is left out.
        later = Pause(sound, Segment("reader", 1, sound[(320 - 200) * RATE_HZ // 1000 :]), 190, lead_ms=60)
        second = await detector.look(later)
    finally:
        await detector.close()
    assert len(written) == 2
    odds = [math.log(one.completeness / (1 - one.completeness)) for one in (first, second, both)]
    assert odds[1] > odds[0] + 3
    assert odds[2] == pytest.approx((odds[0] + odds[1]) / 2, abs=0.6)


async def test_nothing_said_is_not_finished():
    detector = PunctuationTurnEnd(ScriptedStt(()), STORE)
    await detector.start()
    try:
        nothing = Pause(silence(1), Segment("ann", 1, silence(1)), 500)
        assert (await looked(detector, nothing)).completeness < 0.5
    finally:
        await detector.close()


async def test_without_its_model_it_says_which_setting_wants_it():
    detector = PunctuationTurnEnd(MoonshineStt(STORE), STORE)
    try:
        with pytest.raises(EngineError, match="HEARING_TURN_END"):
            await detector.look(pause_at(8))
    finally:
        await detector.close()


def test_its_scale_is_that_of_the_turn_policy():
    assert completeness_of(2.5) == pytest.approx(0.95)
    assert completeness_of(0.5) == pytest.approx(0.3)
    assert completeness_of(-1e9) < 1e-6 < 1 - 1e-6 < completeness_of(1e9)


async def test_smart_turn_hears_the_last_seconds_of_the_whole_utterance():
    detector = SmartTurn()
    await detector.start()
    whole = recording("two_cities")[: int(8.19 * RATE_HZ)]
    try:
        # What is transcribed next may be a small part of it.
        finished = await detector.look(Pause(whole, Segment("reader", 1, whole[-RATE_HZ // 4 :]), 190))
        assert finished == await detector.look(Pause(whole, Segment("reader", 1, whole), 190))
    finally:
        await detector.close()


@pytest.mark.parametrize(
    ("settings", "chosen"),
    [
        ({}, "punctuation"),
        ({"engine": "parakeet"}, "smart-turn"),
        ({"engine": "parakeet", "turn_end": "punctuation"}, "punctuation"),
        ({"turn_end": "smart-turn"}, "smart-turn"),
        ({"turn_end": "off"}, "off"),
        ({"engine": "scripted", "turn_end": "smart-turn"}, "off"),
    ],
)
def test_which_detector_is_chosen(settings: dict[str, str], chosen: str):
    assert chosen_turn_end(HearingSettings(**settings)) == chosen  # type: ignore[arg-type]


def test_a_detector_that_does_not_exist_is_named_with_those_that_do():
    settings = HearingSettings(turn_end="tea-leaves")
    with pytest.raises(SettingError, match=r"HEARING_TURN_END is 'tea-leaves'; .*auto, punctuation, smart-turn, off"):
        make_turn_end(settings, make_stt(settings, STORE), STORE)


def test_a_detector_that_needs_moonshine_has_it_fetched():
    environ = {"STT_ENGINE": "parakeet", "HEARING_TURN_END": "punctuation"}
    assert "moonshine-tiny-en" in models_needed(load_settings(environ=environ))
    assert "moonshine-tiny-en" not in models_needed(load_settings(environ={"STT_ENGINE": "parakeet"}))


async def test_a_model_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch):
    def missing(self: ModelStore, name: str) -> Any:
        raise ModelError(f"{name} is not here")

    monkeypatch.setattr(ModelStore, "resolve", missing)
    detector = PunctuationTurnEnd(ScriptedStt(()), STORE)
    try:
        with pytest.raises(ModelError, match="moonshine-tiny-en is not here"):
            await detector.start()
    finally:
        await detector.close()


# --- the stage that asks --------------------------------------------------------------------------------------------


class Listener:
    """A detector that wants 160 and 192 ms of the pause and remembers what it was given."""

    looks_ms = (160, 192)

    def __init__(self) -> None:
        self.pauses: list[Pause] = []
        self.earlier: list[int] = []

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def look(self, pause: Pause, earlier: Sequence[Look] = ()) -> Look:
        self.pauses.append(pause)
        self.earlier.append(len(earlier))
        return Look(0.1 if len(self.earlier) == 1 else 0.7)


def stage(detector: Listener) -> tuple[Hearing, Alone]:
    hearing = Hearing(ScriptedStt(["Hello."]), LevelVad, detector, HearingSettings(), SessionClock())
    return hearing, Alone(hearing)


def test_a_detector_is_not_asked_before_it_has_heard_enough_of_the_pause(virtually: Virtually):
    detector = Listener()

    async def run() -> list[int]:
        hearing, alone = stage(detector)
        told: list[int] = []
        await listen(alone, np.concatenate((tone(1.0), silence(0.12))))
        await alone.send(TranscribeFrame(ANN, 1, 1), up=True)
        await alone.settle(1)
        told.append(len(alone.of(CompletenessFrame)))
        for since_ms in range(1120, 1400, 20):
            await listen(alone, silence(0.02), since_ms=since_ms)
            await alone.settle(0.01)
            told.append(len(alone.of(CompletenessFrame)))
        await hearing.cleanup()
        assert [(frame.ref, frame.request, frame.probability) for frame in alone.of(CompletenessFrame)] == [
            (ANN, 1, 0.7)
        ]
        return told

    told = virtually(run())
    assert told[0] == 0
    assert told[-1] == 1
    first, pause = detector.pauses
    assert 160 <= first.silence_ms < 192 <= pause.silence_ms <= 224
    assert detector.earlier == [0, 1]
    assert len(pause.pcm) >= 1.1 * RATE_HZ
    assert pause.segment.speaker == "ann"
    assert pause.lead_ms == HearingSettings().ear.pre_roll_ms


def test_speech_that_goes_on_before_that_is_not_judged(virtually: Virtually):
    detector = Listener()

    async def run() -> list[CompletenessFrame]:
        hearing, alone = stage(detector)
        await listen(alone, np.concatenate((tone(1.0), silence(0.1))))
        await alone.send(TranscribeFrame(ANN, 1, 1), up=True)
        await listen(alone, np.concatenate((tone(0.5), silence(0.1))), since_ms=1100)
        await alone.settle(1)
        await hearing.cleanup()
        return alone.of(CompletenessFrame)

    assert virtually(run()) == []
    assert detector.pauses == []


def test_a_look_serves_until_the_voice_goes_on(virtually: Virtually):
    detector = Listener()

    async def run() -> None:
        hearing, alone = stage(detector)
        # A drop in level of 160 ms is looked at, though nobody has asked, and then speech goes on.
        await listen(alone, np.concatenate((tone(1.0), silence(0.2), tone(0.5), silence(0.12))))
        await alone.settle(0.1)
        assert detector.earlier == [0]
        await alone.send(TranscribeFrame(ANN, 1, 1), up=True)
        await listen(alone, silence(0.2), since_ms=1820)
        await alone.settle(0.1)
        await hearing.cleanup()

    virtually(run())
    assert detector.earlier == [0, 0, 1]
    assert detector.pauses[1].silence_ms < 192 <= detector.pauses[2].silence_ms
    assert len(detector.pauses[1].pcm) > len(detector.pauses[0].pcm) + 0.5 * RATE_HZ


def test_with_noise_in_the_pause_all_looks_are_taken_when_the_detector_is_asked(virtually: Virtually):
    detector = Listener()

    async def run() -> list[float]:
        hearing, alone = stage(detector)
        # Not speech for the detector of voices, and too loud for a drop in level.
        await listen(alone, np.concatenate((tone(1.0, level=3000), tone(0.4, level=900))))
        await alone.send(TranscribeFrame(ANN, 1, 1), up=True)
        await alone.settle(1)
        await hearing.cleanup()
        return [frame.probability for frame in alone.of(CompletenessFrame)]

    assert virtually(run()) == [0.7]
    assert detector.earlier == [0, 1]
    assert detector.pauses[0] is detector.pauses[1]


def test_a_look_that_fails_leaves_the_words_alone_to_decide(virtually: Virtually):
    class Failing(Listener):
        async def look(self, pause: Pause, earlier: Sequence[Look] = ()) -> Look:
            await super().look(pause, earlier)
            raise EngineError("out of breath")

    detector = Failing()

    async def run() -> list[float]:
        hearing, alone = stage(detector)
        await listen(alone, np.concatenate((tone(1.0), silence(0.3))))
        await alone.send(TranscribeFrame(ANN, 1, 1), up=True)
        await alone.settle(1)
        await hearing.cleanup()
        return [frame.probability for frame in alone.of(CompletenessFrame)]

    assert virtually(run()) == [1.0]
    assert detector.earlier == [0]
