"""A small model's four-bit weights written out in eight: the same model, and no file that is none breaks anything."""

import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processors.errors import ModelError
from processors.language import eight_bit
from processors.language.eight_bit import in_eight_bits, widened
from processors.language.embedded import EmbeddedLlm
from processors.language.engines import Message
from processors.language.gguf import layout
from processors.language.settings import Sampling
from processors.models import ModelStore
from tests.processors.language.asking import reply
from tests.processors.language.model_files import CONTENT, F32, Q4_1, Q8_0, four_bit, model_file


def weights_of(kind: int, content: bytes) -> np.ndarray:
    """As ggml reads them, block by block."""
    weights: list[float] = []
    if kind == Q8_0:
        for scale, *quants in struct.iter_unpack("<e32b", content):
            weights += [scale * quant for quant in quants]
    else:
        for scale, least, *pairs in struct.iter_unpack("<ee16B", content):
            weights += [scale * (pair & 15) + least for pair in pairs]
            weights += [scale * (pair >> 4) + least for pair in pairs]
    return np.array(weights)


def content_of(path) -> dict[bytes, tuple[int, tuple[int, ...], bytes]]:
    found, raw = layout(path), path.read_bytes()
    assert found
    sizes = {F32: (4, 1), Q4_1: (20, 32), Q8_0: (34, 32)}
    content = {}
    for tensor in found.tensors:
        block_bytes, block = sizes[tensor.kind]
        start = found.data_at + tensor.offset
        assert start % found.alignment == 0
        content[tensor.name] = (
            tensor.kind,
            tensor.shape,
            raw[start : start + tensor.weights // block * block_bytes],
        )
    return content


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_no_weight_is_off_by_more_than_rounding(seed, blocks):
    random = np.random.default_rng(seed)
    scale = random.uniform(1e-4, 2.0, (blocks, 1)).astype(np.float16).view(np.uint8)
    least = random.normal(0, 1, (blocks, 1)).astype(np.float16).view(np.uint8)
    old = np.concatenate([scale, least, random.integers(0, 256, (blocks, 16)).astype(np.uint8)], axis=1).tobytes()
    before, after = weights_of(Q4_1, old).reshape(-1, 32), weights_of(Q8_0, widened(old)).reshape(-1, 32)
    largest = np.abs(before).max(axis=1, keepdims=True)
    # Half a step of 1/127, and a scale that is a half float itself.
    assert (np.abs(after - before) <= largest * (0.5 / 127 + 2**-11) + 1e-7).all()


def test_a_block_of_nothing_stays_nothing():
    assert not weights_of(Q8_0, widened(bytes(20))).any()


@pytest.mark.parametrize("alignment", [32, 64, 8])
def test_four_bit_weights_are_written_in_eight_and_the_rest_is_left_alone(tmp_path, alignment):
    path = tmp_path / "small.gguf"
    path.write_bytes(model_file(alignment=alignment))

    made = in_eight_bits(path, tmp_path / "made")

    assert made.parent == tmp_path / "made"
    old, new = layout(path), layout(made)
    assert old
    assert new
    assert new.alignment == alignment
    assert made.read_bytes()[: new.entries_bytes] == path.read_bytes()[: old.entries_bytes]
    after = content_of(made)
    assert list(after) == list(CONTENT)
    for name, (kind, shape, content) in CONTENT.items():
        if kind == Q4_1:
            assert after[name][:2] == (Q8_0, shape)
            assert weights_of(Q8_0, after[name][2]) == pytest.approx(weights_of(kind, content), abs=0.01)
        else:
            assert after[name] == (kind, shape, content)


def test_it_is_written_once_and_anew_when_the_file_changes(tmp_path):
    path, folder = tmp_path / "small.gguf", tmp_path / "made"
    path.write_bytes(model_file())
    made = in_eight_bits(path, folder)
    before = made.stat().st_ino
    assert in_eight_bits(path, folder) == made
    assert made.stat().st_ino == before

    path.write_bytes(model_file({**CONTENT, b"again": (Q4_1, (64,), four_bit(2))}))
    assert in_eight_bits(path, folder) not in (made, path)
    for count in range(3, 9):
        path.write_bytes(model_file({b"again": (Q4_1, (32 * count,), four_bit(count))}))
        made = in_eight_bits(path, folder)
    assert made.is_file()
    assert sorted(left.suffix for left in folder.iterdir()) == [".gguf", ".gguf", ".gguf", ".lock"]


def test_a_file_without_such_weights_or_a_large_one_is_used_as_it_is(tmp_path, monkeypatch):
    path, folder = tmp_path / "small.gguf", tmp_path / "made"
    path.write_bytes(model_file({b"norm": CONTENT[b"norm"], b"head": CONTENT[b"head"]}))
    assert in_eight_bits(path, folder) == path
    path.write_bytes(model_file())
    monkeypatch.setattr(eight_bit, "_LARGEST_BYTES", 100)
    assert in_eight_bits(path, folder) == path
    assert not folder.exists()


def test_weights_that_are_not_all_there_are_left_to_llama_cpp(tmp_path):
    path = tmp_path / "small.gguf"
    path.write_bytes(model_file()[:-1])
    assert in_eight_bits(path, tmp_path / "made") == path
    for shape in ((33,), ()):
        path.write_bytes(model_file({b"odd": (Q4_1, shape, four_bit(2))}))
        assert in_eight_bits(path, tmp_path / "made") == path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_anywhere_harms_nobody(tmp_path, data):
    whole = bytearray(model_file())
    path = tmp_path / "damaged.gguf"
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    before = path.read_bytes()
    made = in_eight_bits(path, tmp_path / "made")
    assert path.read_bytes() == before
    assert made.stat().st_size <= 3 * len(before)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    path, folder = tmp_path / "small.gguf", tmp_path / "made"
    path.write_bytes(model_file())

    def full(blocks: bytes) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(eight_bit, "widened", full)
    with pytest.raises(ModelError, match="no disk space left"):
        in_eight_bits(path, folder)
    assert [left.suffix for left in folder.iterdir()] == [".lock"]


async def test_the_default_model_says_the_same_in_eight_bits(tmp_path):
    original = ModelStore(offline=True).resolve("smollm2-135m-instruct").main
    for wide in (True, False):
        llm = EmbeddedLlm(ModelStore(tmp_path), str(original), context_tokens=512, calls=0, eight_bit=wide)
        try:
            await llm.start()
            question = [Message("user", "What is the capital of France?")]
            text, _ = await reply(llm, question, Sampling(temperature=0.0, max_tokens=16))
            assert "Paris" in text
        finally:
            await llm.close()
        made = list(tmp_path.glob("*/*.gguf"))
        assert len(made) == 1
        assert made[0].stat().st_size > original.stat().st_size * 1.4
