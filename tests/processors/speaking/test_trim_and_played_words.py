"""What is cut from a clause's sound, and which of its words were heard."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.speaking.playout import played_words
from processors.speaking.trim import trim_silence

RATE_HZ = 24000


def sound(*parts: tuple[int, int]) -> np.ndarray:
    """(milliseconds, level) after one another."""
    return np.concatenate([np.full(ms * RATE_HZ // 1000, level, np.int16) for ms, level in parts])


def test_leading_silence_is_cut_to_five_milliseconds_and_that_is_reported() -> None:
    trimmed, lead_ms = trim_silence(sound((200, 0), (100, 5000)), RATE_HZ, pause_ms=100)
    assert lead_ms == 5
    assert len(trimmed) == 105 * RATE_HZ // 1000


def test_sound_that_begins_at_once_has_no_lead() -> None:
    trimmed, lead_ms = trim_silence(sound((100, 5000)), RATE_HZ, pause_ms=0)
    assert lead_ms == 0
    assert len(trimmed) == 100 * RATE_HZ // 1000


def test_a_pause_is_kept_at_the_end_and_no_more() -> None:
    trimmed, _ = trim_silence(sound((100, -5000), (900, 10)), RATE_HZ, pause_ms=140)
    assert len(trimmed) == 240 * RATE_HZ // 1000


def test_silence_throughout_comes_back_empty() -> None:
    assert len(trim_silence(sound((500, 20)), RATE_HZ, pause_ms=100)[0]) == 0
    assert len(trim_silence(np.empty(0, np.int16), RATE_HZ, pause_ms=100)[0]) == 0


@pytest.mark.parametrize(
    ("share", "heard"), [(0.0, ""), (0.2, ""), (0.3, "one"), (0.5, "one"), (0.75, "one two"), (1.0, "one two three")]
)
def test_a_word_counts_when_its_last_character_was_played(share: float, heard: str) -> None:
    assert played_words("one two three", share).strip() == heard


@given(st.text(alphabet="ab ,.", max_size=60), st.floats(0, 2))
def test_what_was_heard_is_a_beginning_in_whole_words(text: str, share: float) -> None:
    heard = played_words(text, share)
    assert text.startswith(heard)
    assert len(heard) <= max(len(text) * min(share, 1.0), 0) or share >= 1
    rest = text[len(heard) :]
    assert not heard or not rest or heard[-1].isspace() or rest[0].isspace()
