"""RTP as Discord's voice server speaks it (RFC 3550 with the one-byte header extension of RFC 8285).

In the `*_rtpsize` transport modes the fixed header, the CSRC list and the *four bytes that announce* an extension
travel in clear and are authenticated; the extension's body, the Opus payload and the padding are encrypted together.
So a packet is read in two steps: `parse` before decryption, `media_payload` after it.

Everything here is pure and total: any byte string either parses or raises `RtpError`.
"""

import struct
from dataclasses import dataclass

from transports.discord.errors import RtpError

VERSION = 2
OPUS_PAYLOAD_TYPE = 0x78
"""The whole second byte: Discord never sets the marker bit on audio."""
FIXED_HEADER_BYTES = 12
NONCE_BYTES = 4
"""Length of the packet counter appended to every packet; the rest of the AEAD nonce is zero."""
TAG_BYTES = 16

_HEADER = struct.Struct(">BBHII")


@dataclass(frozen=True, slots=True)
class RtpHeader:
    """The clear part of one audio packet."""

    sequence: int
    """16 bits, one more per packet."""
    timestamp: int
    """32 bits, in samples of 48 kHz whatever the codec's own rate."""
    ssrc: int
    """Which stream this is; the voice gateway says whose."""
    size: int
    """Bytes in clear, which are the additional authenticated data."""
    extension_words: int
    """Length of the encrypted extension body in 32-bit words."""
    padded: bool


def parse(datagram: bytes) -> RtpHeader:
    """Read the clear header of an encrypted Opus packet.

    Raises:
        RtpError: Not RTP version 2, not Opus, or too short to hold a tag and a nonce.
    """
    if len(datagram) < FIXED_HEADER_BYTES + TAG_BYTES + NONCE_BYTES:
        raise RtpError(f"{len(datagram)} bytes cannot hold an encrypted packet")
    flags, payload_type, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    if flags >> 6 != VERSION:
        raise RtpError(f"RTP version {flags >> 6}")
    if payload_type != OPUS_PAYLOAD_TYPE:
        raise RtpError(f"payload type {payload_type:#x} is not Opus")
    size = FIXED_HEADER_BYTES + 4 * (flags & 0x0F)
    words = 0
    if flags & 0x10:
        size += 4
        if len(datagram) >= size:
            words = int.from_bytes(datagram[size - 2 : size])
    if len(datagram) < size + TAG_BYTES + NONCE_BYTES:
        raise RtpError(f"{len(datagram)} bytes cannot hold the announced header of {size}")
    return RtpHeader(sequence, timestamp, ssrc, size, words, bool(flags & 0x20))


def media_payload(header: RtpHeader, body: bytes) -> bytes:
    """Take padding and extension off a decrypted body, leaving the (possibly end-to-end encrypted) Opus frame.

    Padding goes first: it counts from the end, and a DAVE frame is recognised by its last bytes.

    Raises:
        RtpError: The padding or the extension is longer than the body.
    """
    if header.padded:
        pad = body[-1] if body else 0
        if not 0 < pad <= len(body):
            raise RtpError(f"padding of {pad} in a body of {len(body)} bytes")
        body = body[:-pad]
    start = 4 * header.extension_words
    if start > len(body):
        raise RtpError(f"extension of {start} in a body of {len(body)} bytes")
    return body[start:]


def pack_header(sequence: int, timestamp: int, ssrc: int) -> bytes:
    """The 12-byte header of an outgoing packet: no CSRC, extension or padding."""
    return _HEADER.pack(VERSION << 6, OPUS_PAYLOAD_TYPE, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)


def sequence_distance(later: int, earlier: int) -> int:
    """Signed distance between two 16-bit sequence numbers across the wrap, -32768..32767."""
    return ((later - earlier + 0x8000) & 0xFFFF) - 0x8000
