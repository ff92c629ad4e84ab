"""Moonshine's vocabulary: the real one, and files that are none."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.engines import model_store
from pipeline.settings import load_settings
from processors.hearing.moonshine import MODEL
from processors.hearing.moonshine_tokens import CONTINUING_MARKS, FINAL_MARKS, Tokenizer, parse


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.read(model_store(load_settings(environ={})).resolve(MODEL).folder / "tokenizer.bin")


def written(pieces: list[bytes]) -> bytes:
    def length(size: int) -> bytes:
        return bytes([size]) if size < 128 else bytes([128 + size % 128, size // 128])

    return b"".join(length(len(piece)) + piece for piece in pieces)


def spelled(tokenizer: Tokenizer, *texts: str) -> tuple[int, ...]:
    by_text = {tokenizer.text([token]): token for token in range(len(tokenizer))}
    return tuple(by_text[text] for text in texts)


def test_the_real_vocabulary_is_whole_and_has_the_marks(tokenizer: Tokenizer):
    assert len(tokenizer) == 32768
    assert tuple(tokenizer.text([token]) for token in tokenizer.final) == FINAL_MARKS
    assert tuple(tokenizer.text([token]) for token in tokenizer.continuing) == CONTINUING_MARKS
    assert min(tokenizer.final + tokenizer.continuing) > 255, "the pieces, not the bytes that look the same"


def test_text_has_no_spaces_at_its_ends_and_nothing_of_what_steers_the_decoder(tokenizer: Tokenizer):
    words = spelled(tokenizer, "we", "go")
    assert tokenizer.text((1, *words, tokenizer.final[0], 2)).replace(" ", "") == "wego."
    assert not tokenizer.text(words).startswith(" ")


def test_words_lose_the_punctuation_at_their_end_and_only_there(tokenizer: Tokenizer):
    we, go = spelled(tokenizer, "we", "go")
    comma, dots, stop = tokenizer.continuing[0], tokenizer.continuing[2], tokenizer.final[0]
    assert tokenizer.words((we, comma, go, dots, stop)) == (we, comma, go)
    assert tokenizer.words((we, go)) == (we, go)
    assert tokenizer.words((stop, comma)) == ()


def test_a_byte_that_is_part_of_a_letter_is_no_punctuation(tokenizer: Tokenizer):
    letter = tuple(3 + byte for byte in "ж".encode())
    assert tokenizer.text(letter) == "ж"
    assert tokenizer.words(letter) == letter


@given(st.lists(st.binary(max_size=400), max_size=40))
@example([b"a" * 127, b"b" * 128, b"c" * 300, b"", b"d" * 16_383])
def test_what_was_written_is_read_again(pieces: list[bytes]):
    assert parse(written(pieces)) == pieces


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_or_refused(raw: bytes):
    with contextlib.suppress(ValueError):
        # A length may take two bytes where one would do, so nothing but the size can be compared.
        assert sum(map(len, parse(raw))) <= len(raw)


@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=9), st.data())
def test_a_file_cut_short_within_a_piece_is_refused(pieces: list[bytes], data: st.DataObject):
    raw = written(pieces)
    kept = raw[: len(raw) - data.draw(st.integers(1, len(pieces[-1])))]
    with pytest.raises(ValueError, match="it ends within"):
        parse(kept)


@pytest.mark.parametrize("raw", [b"", b"\x00", written([b"<unk>", b"<s>", b"</s>", b"."])])
def test_a_vocabulary_without_the_marks_is_refused(raw: bytes, tmp_path: Path):
    (tmp_path / "tokenizer.bin").write_bytes(raw)
    with pytest.raises(ValueError, match="there is no token for"):
        Tokenizer.read(tmp_path / "tokenizer.bin")
