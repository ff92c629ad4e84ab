"""Joins of converted blocks are inaudible: checked on the wave and on its spectrum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.speaking.rvc.sola import CROSSFADE_MS, SEARCH_MS, Audio, Joiner, best_shift

RATE_HZ = 40_000
OVERLAP = RATE_HZ * (CROSSFADE_MS + SEARCH_MS) // 1000
BLOCK = RATE_HZ // 4


def tone(samples: int, hz: float, phase: float) -> Audio:
    at = np.arange(samples) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * hz * at + phase)).astype(np.float32)


def blocks_of_a_tone(hz: float, phases: list[float]) -> list[Audio]:
    """Blocks of one tone, each off by its own phase, as conversions of overlapping windows are."""
    whole = [tone((len(phases) + 1) * BLOCK, hz, phase) for phase in phases]
    return [wave[i * BLOCK : (i + 1) * BLOCK + OVERLAP] for i, wave in enumerate(whole)]


def joined(blocks: list[Audio]) -> Audio:
    joiner = Joiner(RATE_HZ)
    return np.concatenate([joiner.push(block, BLOCK) for block in blocks])


def splatter_db(wave: Audio, hz: float) -> Audio:
    """Energy per 10 ms above five times the tone, relative to all energy: what a click adds."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, 1024)[:: RATE_HZ // 100] * np.blackman(1024)
    power = np.abs(np.fft.rfft(frames)) ** 2
    high = power[:, int(5 * hz * 1024 / RATE_HZ) + 4 :].sum(axis=1)
    return 10 * np.log10(high / power.sum(axis=1) + 1e-12)


@pytest.mark.parametrize("hz", [110.0, 220.0, 331.0, 700.0])
def test_joins_leave_no_click_in_the_spectrum(hz: float) -> None:
    blocks = blocks_of_a_tone(hz, [0.0, 2.0, 4.5, 1.1, 3.3])
    hard = np.concatenate([block[:BLOCK] for block in blocks])
    assert splatter_db(hard, hz).max() > -45, "the test must hear the click of a hard cut"
    assert splatter_db(joined(blocks), hz).max() < -75


@pytest.mark.parametrize("hz", [110.0, 220.0, 331.0])
def test_the_wave_goes_on_without_a_dip_where_blocks_join(hz: float) -> None:
    wave = joined(blocks_of_a_tone(hz, [0.0, 2.0, 4.5, 1.1, 3.3]))
    period = int(RATE_HZ / hz) + 1
    level = np.lib.stride_tricks.sliding_window_view(np.abs(wave), period)[::97].max(axis=1)
    assert level.min() > 0.45


def test_blocks_that_agree_are_joined_as_if_never_cut() -> None:
    noise = np.random.default_rng(3).standard_normal(6 * BLOCK).astype(np.float32)
    blocks = [noise[i * BLOCK : (i + 1) * BLOCK + OVERLAP] for i in range(5)]
    np.testing.assert_allclose(joined(blocks), noise[: 5 * BLOCK], atol=1e-6)


@given(st.integers(0, 400))
def test_the_shift_that_was_made_is_found(shift: int) -> None:
    noise = np.random.default_rng(4).standard_normal(4000).astype(np.float32)
    assert best_shift(noise[shift : shift + 1600], noise, 400) == shift


def test_silence_is_not_shifted() -> None:
    noise = np.random.default_rng(5).standard_normal(2000).astype(np.float32)
    assert best_shift(np.zeros(1600, np.float32), noise, 400) == 0
    assert best_shift(noise[:1600], np.zeros(2000, np.float32), 400) == 0


def test_every_block_gives_as_much_as_it_was_asked_for() -> None:
    blocks = blocks_of_a_tone(200.0, [0.0, 3.0, 1.0])
    joiner = Joiner(RATE_HZ)
    assert [len(joiner.push(block, BLOCK)) for block in blocks] == [BLOCK] * 3


def test_a_block_much_shorter_than_the_crossfade_is_joined() -> None:
    blocks = blocks_of_a_tone(200.0, [0.0, 0.0])
    joiner = Joiner(RATE_HZ)
    out = [joiner.push(blocks[0], BLOCK), joiner.push(blocks[1][: 300 + OVERLAP], 300)]
    np.testing.assert_allclose(np.concatenate(out), tone(BLOCK + 300, 200.0, 0.0), atol=1e-5)


def test_after_a_restart_nothing_of_before_is_heard() -> None:
    blocks = blocks_of_a_tone(200.0, [0.0, 1.0])
    joiner = Joiner(RATE_HZ)
    joiner.push(blocks[0], BLOCK)
    joiner.restart()
    np.testing.assert_array_equal(joiner.push(blocks[1], BLOCK), blocks[1][:BLOCK])
