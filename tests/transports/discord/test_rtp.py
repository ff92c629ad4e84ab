import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transports.discord import rtp
from transports.discord.errors import RtpError

TAIL = bytes(rtp.TAG_BYTES + rtp.NONCE_BYTES)


def test_an_outgoing_header_reads_back():
    header = rtp.parse(rtp.pack_header(0x1FFFF, 0x1_0000_0005, 42) + b"opus" + TAIL)
    assert header == rtp.RtpHeader(0xFFFF, 5, 42, 12, 0, padded=False)


def test_csrcs_and_extension_belong_to_the_clear_part():
    packet = bytes([0x80 | 0x10 | 2, 0x78]) + bytes(10) + bytes(8) + b"\xbe\xde\x00\x03" + b"body" + TAIL
    header = rtp.parse(packet)
    assert (header.size, header.extension_words) == (12 + 8 + 4, 3)


def test_padding_goes_before_the_extension():
    header = rtp.RtpHeader(1, 1, 1, 16, 1, padded=True)
    assert rtp.media_payload(header, b"ext!" + b"opus" + b"\0\0\3") == b"opus"


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [(0x40, 0x78, "version"), (0x80, 0xC8, "payload type"), (0x80, 0xF8, "payload type"), (0x9F, 0x78, "header")],
)
def test_what_is_not_opus_over_rtp_is_refused(first, second, why):
    with pytest.raises(RtpError, match=why):
        rtp.parse(bytes([first, second]) + bytes(10) + TAIL)


@pytest.mark.parametrize(("words", "body"), [(0, b""), (0, b"a\0"), (0, b"ab\4"), (2, b"1234567")])
def test_padding_or_extension_longer_than_the_body_is_refused(words, body):
    with pytest.raises(RtpError):
        rtp.media_payload(rtp.RtpHeader(1, 1, 1, 16, words, padded=words == 0), body)


@given(st.binary(max_size=200))
@example(b"\x90\x78" + bytes(30))
def test_any_bytes_parse_or_are_refused(data):
    try:
        header = rtp.parse(data)
    except RtpError:
        return
    assert header.size + rtp.TAG_BYTES + rtp.NONCE_BYTES <= len(data)
    try:
        payload = rtp.media_payload(header, data[header.size : -rtp.NONCE_BYTES])
    except RtpError:
        return
    assert payload in data


@given(st.binary(), st.integers(0, 3), st.integers(0, 255))
def test_the_payload_survives_any_padding_and_extension(payload, words, pad):
    padding = bytes(pad - 1) + bytes([pad]) if pad else b""
    header = rtp.RtpHeader(1, 1, 1, 16, words, padded=bool(pad))
    assert rtp.media_payload(header, bytes(4 * words) + payload + padding) == payload


@given(st.integers(0, 0xFFFF), st.integers(-0x8000, 0x7FFF))
def test_sequence_distance_survives_the_wrap(start, step):
    assert rtp.sequence_distance((start + step) & 0xFFFF, start) == step
