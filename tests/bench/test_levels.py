"""Where speech begins, pauses and ends, on sounds whose answer is known."""

import numpy as np
import pytest

from bench.corpus.levels import (
    RATE_HZ,
    Pcm,
    active_rms,
    at_level,
    longest_dip,
    mixed_with_noise,
    noise_floor,
    pauses_ms,
    voiced_bounds_ms,
    with_pause,
)


def tone(duration_ms: int, amplitude: int = 8000) -> Pcm:
    samples = duration_ms * RATE_HZ // 1000
    return (amplitude * np.sin(2 * np.pi * 200 / RATE_HZ * np.arange(samples))).astype(np.int16)


def silence(duration_ms: int) -> Pcm:
    return np.zeros(duration_ms * RATE_HZ // 1000, np.int16)


def test_the_end_of_speech_is_found_within_a_run() -> None:
    start_ms, end_ms = voiced_bounds_ms(np.concatenate((silence(300), tone(500), silence(700))))

    assert start_ms == pytest.approx(300, abs=30)
    assert end_ms == pytest.approx(800, abs=30)


@pytest.mark.parametrize("gain", [0.02, 0.5, 3.0])
def test_gain_does_not_move_the_end(gain: float) -> None:
    speech = np.concatenate((tone(400), tone(200, 3000), silence(300)))

    assert voiced_bounds_ms((speech * gain).astype(np.int16)) == voiced_bounds_ms(speech)


def test_silence_has_no_end() -> None:
    with pytest.raises(ValueError, match="no sound"):
        voiced_bounds_ms(silence(500))


def test_a_silence_of_200_ms_between_words_is_a_pause_and_a_click_does_not_end_it() -> None:
    speech = np.concatenate((tone(400), silence(150), tone(400), silence(300), tone(10), silence(300), tone(400)))

    [(start_ms, end_ms)] = pauses_ms(speech)

    assert start_ms == pytest.approx(950, abs=30)
    assert end_ms == pytest.approx(1560, abs=30)


def test_the_silence_around_speech_is_no_pause() -> None:
    assert pauses_ms(np.concatenate((silence(500), tone(400), silence(500)))) == []


def test_a_pause_goes_where_the_speaker_is_quietest_and_has_the_length_asked_for() -> None:
    speech = np.concatenate((tone(500), silence(120), tone(500)))
    begin, end = longest_dip(speech)

    paused, start_ms, end_ms = with_pause(speech, 700, seed=1)

    assert (begin, end) == pytest.approx((500 * 16, 620 * 16), abs=10 * 16)
    assert end_ms - start_ms == pytest.approx(700, abs=1)
    assert len(paused) - len(speech) == pytest.approx((700 - 120) * 16, abs=20 * 16)
    middle = paused[round((start_ms + 50) * 16) : round((end_ms - 50) * 16)]
    assert np.abs(middle).max() < 50


def test_a_pause_is_as_loud_as_the_quietest_part_of_the_recording() -> None:
    hiss = np.random.default_rng(3).normal(0, 40, RATE_HZ)
    recording = np.rint(hiss + np.concatenate((tone(600), silence(400)))).astype(np.int16)

    assert np.std(noise_floor(recording, RATE_HZ, seed=1)) == pytest.approx(40, rel=0.35)


@pytest.mark.parametrize("snr_db", [20.0, 10.0, 5.0])
def test_noise_lies_as_far_below_the_speech_as_asked(snr_db: float) -> None:
    speech = np.concatenate((tone(600), silence(200)))
    noise = np.random.default_rng(5).normal(0, 1000, RATE_HZ).astype(np.int16)

    mixed = mixed_with_noise(speech, noise, snr_db, lead_ms=400, tail_ms=600)

    tail = mixed[-500 * 16 : -150 * 16].astype(float)
    measured_db = 20 * np.log10(active_rms(speech) / np.sqrt(np.mean(np.square(tail))))
    assert measured_db == pytest.approx(snr_db, abs=0.5)
    assert len(mixed) == len(speech) + 1000 * 16


def test_levelling_never_clips() -> None:
    peaky = tone(500, 300)
    peaky[100] = 20000

    assert np.abs(at_level(peaky, 6000).astype(int)).max() <= 32000
    assert active_rms(at_level(tone(500, 300), 2000)) == pytest.approx(2000, rel=0.02)
