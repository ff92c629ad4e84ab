"""One speaker's ear, on a detector that answers by level."""

import numpy as np
import pytest

from processors.hearing.ear import Ear, EarPolicy
from processors.hearing.level import trailing_silence_ms
from processors.hearing.vad import SAMPLE_RATE_HZ, SileroSession

FRAME = 320


class LevelVad:
    """Speech is what is loud."""

    def probability(self, window):
        return 1.0 if np.abs(window).max() > 1000 else 0.0

    def reset(self):
        pass


def tone(ms: float, level: int = 8000):
    t = np.arange(int(SAMPLE_RATE_HZ * ms / 1000)) / SAMPLE_RATE_HZ
    return (level * np.sin(2 * np.pi * 200 * t)).astype(np.int16)


def silence(ms: float):
    return np.zeros(int(SAMPLE_RATE_HZ * ms / 1000), np.int16)


def listen(ear: Ear, *parts):
    sound = np.concatenate(parts)
    windows = []
    for start in range(0, len(sound) - FRAME + 1, FRAME):
        end_ms = (start + FRAME) * 1000 / SAMPLE_RATE_HZ
        windows += ear.feed(sound[start : start + FRAME], end_ms)
    return windows


@pytest.fixture
def ear() -> Ear:
    return Ear(LevelVad(), EarPolicy())


def test_silence_opens_nothing(ear):
    assert listen(ear, silence(2000)) == []


def test_made_up_silence_costs_no_detection_and_speech_behind_it_is_heard_in_time():
    asked = []

    class Counting(LevelVad):
        def probability(self, window):
            asked.append(window)
            return super().probability(window)

    ear = Ear(Counting(), EarPolicy())
    assert listen(ear, silence(4000)) == []
    assert len(asked) == 8
    windows = listen(ear, tone(640), silence(320))
    assert windows[0].voiced_ms == EarPolicy().start_ms
    assert len(asked) == 8 + 960 // 32
    assert len(ear.sound()) >= SAMPLE_RATE_HZ * 0.96, "the silence in front of the onset is kept as pre-roll"


def test_a_click_shorter_than_the_onset_opens_nothing(ear):
    assert listen(ear, silence(500), tone(40), silence(500)) == []


def test_speech_opens_an_utterance_and_counts_up(ear):
    windows = listen(ear, silence(512), tone(640))
    assert {window.number for window in windows} == {1}
    assert windows[0].voiced_ms == EarPolicy().start_ms
    assert windows[-1].voiced_ms == pytest.approx(640, abs=64)


def test_the_last_voiced_sample_is_found_within_ten_milliseconds(ear):
    windows = listen(ear, silence(500), tone(731), silence(600))
    silent = [window for window in windows if window.silence_ms]
    assert silent[0].stopped_ms == pytest.approx(500 + 731, abs=10)
    assert {window.stopped_ms for window in silent} == {silent[0].stopped_ms}


def test_silence_is_counted_from_the_last_voiced_sample(ear):
    windows = listen(ear, silence(500), tone(731), silence(600))
    for window in windows:
        if window.silence_ms:
            assert window.silence_ms == pytest.approx(window.at_ms - window.stopped_ms, abs=1)


def test_a_pause_and_more_speech_are_one_utterance_with_the_voice_counted_anew(ear):
    windows = listen(ear, tone(640), silence(320), tone(320))
    assert {window.number for window in windows} == {1}
    assert windows[-1].voiced_ms == pytest.approx(320, abs=64)


def test_the_sound_of_an_utterance_includes_a_little_from_before_its_onset(ear):
    listen(ear, silence(1000), tone(640))
    sound = ear.sound()
    onset = np.flatnonzero(np.abs(sound) > 1000)[0] * 1000 / SAMPLE_RATE_HZ
    assert 200 <= onset <= 400
    assert len(sound) * 1000 / SAMPLE_RATE_HZ == pytest.approx(onset + 640, abs=64)


def test_when_the_sound_of_an_utterance_began_is_known(ear):
    for _ in range(2):
        windows = listen(ear, silence(1000), tone(640))
        sound_ms = len(ear.sound()) * 1000 / SAMPLE_RATE_HZ
        assert ear.began_ms == pytest.approx(windows[-1].at_ms - sound_ms)
        ear.close()


def test_a_closed_utterance_is_followed_by_a_new_one(ear):
    listen(ear, tone(640), silence(320))
    ear.close()
    assert ear.utterance is None
    windows = listen(ear, silence(320), tone(320))
    assert {window.number for window in windows} == {2}


def test_an_endless_utterance_keeps_its_latest_part():
    ear = Ear(LevelVad(), EarPolicy(max_utterance_s=2.0))
    listen(ear, tone(5000))
    assert len(ear.sound()) <= 2 * SAMPLE_RATE_HZ


def test_uneven_pieces_make_the_same_windows(ear):
    sound = np.concatenate((silence(500), tone(640), silence(400)))
    whole = listen(ear, sound)
    other, pieces, position = Ear(LevelVad(), EarPolicy()), [], 0
    rng = np.random.default_rng(1)
    while position < len(sound) // FRAME * FRAME:
        size = min(int(rng.integers(1, 900)), len(sound) // FRAME * FRAME - position)
        position += size
        pieces += other.feed(sound[position - size : position], position * 1000 / SAMPLE_RATE_HZ)
    assert pieces == whole


def test_a_noise_floor_does_not_move_the_end_of_speech():
    rng = np.random.default_rng(7)
    sound = np.concatenate((tone(1000), silence(300)))
    sound = sound + rng.normal(0, 200, len(sound)).astype(np.int16)
    assert trailing_silence_ms(sound.astype(np.int16)) == pytest.approx(300, abs=35)


def test_gain_does_not_move_the_end_of_speech():
    sound = np.concatenate((tone(1000, 16000), silence(200)))
    assert trailing_silence_ms(sound) == trailing_silence_ms((sound * 0.05).astype(np.int16))


def test_silero_hears_no_speech_in_silence_or_noise():
    vad = SileroSession().detector()
    noise = np.random.default_rng(3).normal(0, 1000, 512 * 60).astype(np.int16)
    assert max(vad.probability(silence(32)) for _ in range(60)) < 0.2
    assert max(vad.probability(window) for window in noise.reshape(-1, 512)) < 0.5


def test_the_beginning_of_the_next_word_stirs_before_it_is_speech(ear):
    windows = listen(ear, tone(640), silence(320), tone(96, level=700), silence(320))
    pause = [window for window in windows if window.silence_ms]
    stirring = [window.silence_ms for window in pause if window.stirring]
    assert stirring
    assert 300 <= min(stirring) <= 360
    assert max(stirring) <= 460


class Wavering(LevelVad):
    """Speech where it is loud; behind it, window by window, what it is told, then nothing."""

    def __init__(self, *in_silence: float) -> None:
        self._in_silence = list(in_silence)

    def probability(self, window):
        heard = super().probability(window)
        return heard if heard > 0.5 or not self._in_silence else self._in_silence.pop(0)


@pytest.mark.parametrize(
    ("in_silence", "stirring"),
    [
        ((0.0, 0.0, 0.32, 0.0), [2]),
        ((0.49, 0.45, 0.4, 0.33, 0.1, 0.0), []),
        ((0.3, 0.1, 0.35, 0.34, 0.31, 0.0), [2]),
        ((0.1, 0.32, 0.32, 0.4, 0.0), [1, 2, 3]),
    ],
    ids=["something", "the last word fades", "on its way down it comes up again", "it lasts"],
)
def test_a_detector_that_grows_less_sure_of_silence_stirs(in_silence: tuple[float, ...], stirring: list[int]):
    """It takes some windows to forget the last word."""
    ear = Ear(Wavering(*in_silence), EarPolicy())
    pause = [window for window in listen(ear, tone(640), silence(320)) if window.silence_ms]
    assert [place for place, window in enumerate(pause) if window.stirring] == stirring


def test_speech_itself_does_not_stir(ear):
    assert not any(window.stirring for window in listen(ear, tone(640), silence(320), tone(640)) if window.voiced_ms)
