"""Files made to do harm: each is one clear error, in bounded time and memory."""

import json
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personas.cards import CardLimits, decode_card, load_card, save_card
from personas.cards.limits import DEFAULT_LIMITS
from personas.errors import CardError
from tests.personas.cards.build import charx, chunk, png, text_chunk, to_json, v2, v3


def bomb_chunk(kind: bytes) -> bytes:
    packed = zlib.compress(b"A" * (64 << 20), 9)
    head = b"chara\0\0" if kind == b"zTXt" else b"chara\0\1\0\0\0"
    return chunk(kind, head + packed)


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for path, content in entries.items():
            archive.writestr(path, content)
    return out.getvalue()


def encrypted() -> bytes:
    data = bytearray(charx(v3()))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    return bytes(data)


def lying_size() -> bytes:
    """A zip whose directory declares ten bytes for what unpacks to more."""
    data = bytearray(zipped({"card.json": to_json(v3()) * 50}))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    return bytes(data)


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a zTXt bomb": (lambda: png(bomb_chunk(b"zTXt")), "unpacks to more than"),
    "an iTXt bomb": (lambda: png(bomb_chunk(b"iTXt")), "unpacks to more than"),
    "a cut zlib stream": (
        lambda: png(chunk(b"zTXt", b"chara\0\0" + zlib.compress(b"abcdefgh" * 99)[:-9])),
        "cut short",
    ),
    "garbage for zlib": (lambda: png(chunk(b"zTXt", b"chara\0\0garbage")), "damaged"),
    "an unknown compression": (lambda: png(chunk(b"zTXt", b"chara\0\7x")), "unknown compression"),
    "a malformed iTXt": (lambda: png(chunk(b"iTXt", b"chara\0\1")), "malformed"),
    "a huge picture": (lambda: png(width=2**31 - 1, height=2**31 - 1), "pixels"),
    "a PNG without a header": (lambda: b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "header"),
    "a PNG cut in a chunk": (lambda: png(text_chunk("chara", v2()))[:-30], "cut short"),
    "a chunk of two gigabytes": (
        lambda: b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31 - 1) + b"IHDR" + b"\0" * 99,
        "cut short",
    ),
    "a chunk of four gigabytes": (lambda: b"\x89PNG\r\n\x1a\n" + b"\xff" * 64, "cut short"),
    "a wrong checksum": (lambda: png(text_chunk("chara", v2())).replace(b"chara\0e", b"chara\0f"), "checksum"),
    "a PNG without a card": (lambda: png(), "no character"),
    "text that is not base64": (lambda: png(chunk(b"tEXt", b"chara\0%%%%")), "not base64"),
    "deep lists": (lambda: b'{"name":' + b"[" * 500_000 + b"]" * 500_000 + b"}", "nested deeper"),
    "deep objects": (lambda: b'{"a":' * 100 + b"1" + b"}" * 100, "nested deeper"),
    "a number past every float": (lambda: b'{"name": "x", "n": 1e999}', "too large"),
    "an integer of a million digits": (lambda: b'{"name": "x", "n": ' + b"9" * 1_000_000 + b"}", "cannot be read"),
    "not a number": (lambda: b'{"name": "x", "n": NaN}', "NaN"),
    "not UTF-8": (lambda: b'{"name": "\xff"}', "not UTF-8"),
    "JSON cut short": (lambda: to_json(v2())[:-9], "cannot be read"),
    "JSON past its limit": (lambda: to_json(v2(description="a" * (9 << 20))), "limit"),
    "a picture of another kind": (lambda: b"GIF89a" + b"\0" * 100, "no character card"),
    "nothing at all": (lambda: b"", "no character card"),
    "a zip bomb": (lambda: zipped({"card.json": to_json(v3()), "a.bin": b"\0" * (32 << 20)}), "200 times"),
    "a zip with a lying size": (lying_size, "damaged"),
    "a zip of thousands of files": (
        lambda: zipped({"card.json": to_json(v3()), **{f"f{i}": b"" for i in range(2000)}}),
        "more than 1024 files",
    ),
    "a zip that climbs out": (lambda: charx(v3(), {"../evil": b""}), "not a path inside"),
    "a zip with a root path": (lambda: charx(v3(), {"/etc/passwd": b""}), "not a path inside"),
    "a zip with a drive letter": (lambda: charx(v3(), {"C:/evil": b""}), "not a path inside"),
    "a zip with backslashes": (lambda: charx(v3(), {"..\\evil": b""}), "not a path inside"),
    "an encrypted zip": (encrypted, "encrypted"),
    "a zip packed with lzma": (lambda: zipped({"card.json": to_json(v3())}, zipfile.ZIP_LZMA), "deflate"),
    "a zip without a card": (lambda: zipped({"other.json": b"{}"}), "card.json"),
    "a zip cut short": (lambda: charx(v3())[:-40], "no character card"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_one_clear_error(name: str) -> None:
    make, message = CASES[name]
    data = make()
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(CardError, match=message):
        decode_card(data)
    elapsed_s = time.perf_counter() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Generous against a loaded machine; without the caps these take gigabytes or minutes.
    assert elapsed_s < 10
    assert peak < 150 << 20


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    with path.open("wb") as file:
        file.truncate(DEFAULT_LIMITS.file_bytes + 1)
    with pytest.raises(CardError, match=r"big\.json: the file has"):
        load_card(path)


def test_the_whole_archive_has_a_limit() -> None:
    limits = replace(CardLimits(), zip_bytes=5000)
    with pytest.raises(CardError, match="more than 5000"):
        decode_card(charx(v3(), {"a": b"a" * 3000, "b": b"b" * 3000}), limits)


def test_a_lone_surrogate_becomes_the_replacement_character(tmp_path: Path) -> None:
    card = decode_card(b'{"name": "A\\ud83d", "description": "\\ud83d\\ude00"}')
    assert (card.name, card.description) == ("A\ufffd", "\U0001f600")
    save_card(card, tmp_path / "a.json")
    assert load_card(tmp_path / "a.json") == card


VALID = (png(text_chunk("ccv3", v3(), "zTXt")), charx(v3(), {"a.png": png()}), to_json(v3()))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(VALID),
    st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=4)), min_size=1, max_size=4),
    st.integers(0, 5000),
)
def test_a_mutated_file_is_a_card_or_a_card_error(data: bytes, edits: list[tuple[int, bytes]], keep: int) -> None:
    mutated = bytearray(data)
    for at, patch in edits:
        at %= len(data)
        mutated[at : at + len(patch)] = patch
    try:
        card = decode_card(bytes(mutated[: max(keep, len(data) // 2)]))
    except CardError:
        return
    assert json.dumps(card.name)
