"""Pitch: bins, shifts and the way to 10 ms frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.speaking.rvc.pitch import coarse, on_frames, shifted


def test_the_ends_of_the_range_are_the_first_and_the_last_bin() -> None:
    assert coarse(np.array([0, 20, 50, 1100, 3000], np.float32)).tolist() == [1, 1, 1, 255, 255]


def test_bins_are_mel_spaced() -> None:
    # mel(440) = 549.64; (549.64 - 77.75) * 254 / (1064.41 - 77.75) + 1 = 122.48
    assert coarse(np.array([440.0], np.float32)).tolist() == [122]


@given(st.lists(st.floats(50, 1100, width=32), min_size=2, max_size=50))
def test_bins_rise_with_pitch(values: list[float]) -> None:
    bins = coarse(np.sort(np.array(values, np.float32)))
    assert bins.dtype == np.int64
    assert (np.diff(bins) >= 0).all()
    assert bins.min() >= 1
    assert bins.max() <= 255


def test_twelve_semitones_double_the_pitch_and_leave_unvoiced_frames_unvoiced() -> None:
    np.testing.assert_allclose(shifted(np.array([100, 0, 220], np.float32), 12), [200, 0, 440])
    np.testing.assert_allclose(shifted(np.array([100.0], np.float32), -12), [50])


def test_a_track_is_interpolated_on_a_logarithmic_scale() -> None:
    times = np.array([0.0, 0.02])
    frames = on_frames(times, np.array([100.0, 400.0]), np.array([True, True]), 3)
    np.testing.assert_allclose(frames, [100, 200, 400], rtol=1e-6)


def test_a_frame_is_voiced_when_the_nearest_point_is() -> None:
    times = np.array([0.0, 0.018, 0.033, 0.046])
    frames = on_frames(times, np.full(4, 150.0), np.array([True, False, False, True]), 6)
    assert (frames > 0).tolist() == [True, False, False, False, True, True]


def test_silence_has_no_pitch() -> None:
    assert not on_frames(np.array([0.0, 0.016, 0.032]), np.zeros(3), np.zeros(3, bool), 5).any()


@pytest.mark.parametrize("frames", [1, 7, 100])
def test_there_is_a_value_for_every_frame_even_past_the_track(frames: int) -> None:
    assert on_frames(np.array([0.0]), np.array([120.0]), np.array([True]), frames).shape == (frames,)
