"""RTP as Discord carries it: the transport encryption of both modes, the packet layout, IP discovery."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import nacl.bindings
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.exceptions import CryptoError

XCHACHA20 = "aead_xchacha20_poly1305_rtpsize"
AES256_GCM = "aead_aes256_gcm_rtpsize"

OPUS_PAYLOAD_TYPE = 0x78
SILENCE = b"\xf8\xff\xfe"
"""The Opus frame Discord clients send five times when they stop speaking; it is never E2EE."""
E2EE_MARKER = b"\xfa\xfa"
"""The last two bytes of every DAVE-encrypted frame."""

_FIXED_HEADER_BYTES = 12
_DISCOVERY_BYTES = 74


class BadPacket(ValueError):
    """Not an RTP packet, or not sealed with this key."""


@dataclass(frozen=True, slots=True)
class RtpHeader:
    """The fields of an RTP header that voice needs."""

    sequence: int
    timestamp: int
    """48 kHz samples."""
    ssrc: int
    padded: bool = False
    extended: bool = False

    def pack(self) -> bytes:
        """The fixed twelve bytes."""
        first = 0x80 | (0x20 if self.padded else 0) | (0x10 if self.extended else 0)
        return struct.pack(
            ">BBHII", first, OPUS_PAYLOAD_TYPE, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc
        )


def clear_bytes(packet: bytes) -> int:
    """How many leading bytes stay unencrypted: fixed header, CSRCs and the extension's own header."""
    return _FIXED_HEADER_BYTES + 4 * (packet[0] & 0x0F) + (4 if packet[0] & 0x10 else 0)


def seal(mode: str, key: bytes, header: bytes, body: bytes, counter: int) -> bytes:
    """Encrypt `body` under `key`; the header is authenticated, the 32-bit nonce is appended."""
    short_nonce = struct.pack(">I", counter & 0xFFFFFFFF)
    if mode == XCHACHA20:
        sealed = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            body, header, short_nonce.ljust(24, b"\0"), key
        )
    elif mode == AES256_GCM:
        sealed = AESGCM(key).encrypt(short_nonce.ljust(12, b"\0"), body, header)
    else:
        raise ValueError(f"unknown transport mode {mode!r}")
    return header + sealed + short_nonce


def unseal(mode: str, key: bytes, packet: bytes) -> tuple[RtpHeader, bytes]:
    """Decrypt one packet into its header and payload, without padding and without the extension body.

    Raises:
        BadPacket: too short, another RTP version, or not sealed with this key.
    """
    if len(packet) < _FIXED_HEADER_BYTES or packet[0] >> 6 != 2:
        raise BadPacket("not RTP version 2")
    clear = clear_bytes(packet)
    if len(packet) < clear + 16 + 4:
        raise BadPacket("shorter than its own header, tag and nonce")
    header, sealed, short_nonce = packet[:clear], packet[clear:-4], packet[-4:]
    try:
        if mode == XCHACHA20:
            body = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                sealed, header, short_nonce.ljust(24, b"\0"), key
            )
        else:
            body = AESGCM(key).decrypt(short_nonce.ljust(12, b"\0"), sealed, header)
    except (CryptoError, InvalidTag) as error:
        raise BadPacket("not sealed with this key") from error
    return parse_header(packet), _payload(header, body)


def parse_header(packet: bytes) -> RtpHeader:
    """Read the fixed header; the caller has checked the length."""
    sequence, timestamp, ssrc = struct.unpack_from(">HII", packet, 2)
    return RtpHeader(sequence, timestamp, ssrc, bool(packet[0] & 0x20), bool(packet[0] & 0x10))


def _payload(header: bytes, body: bytes) -> bytes:
    """Strip RFC 3550 padding first, then the extension words."""
    if header[0] & 0x20 and body:
        body = body[: -body[-1]]
    if header[0] & 0x10:
        words = struct.unpack(">H", header[-2:])[0]
        body = body[4 * words :]
    return body


def discovery_request(ssrc: int) -> bytes:
    """What a client sends to learn its own address."""
    return struct.pack(">HHI", 1, 70, ssrc).ljust(_DISCOVERY_BYTES, b"\0")


def discovery_answer(ssrc: int, host: str, port: int) -> bytes:
    """The server's answer, naming the sender's address."""
    return struct.pack(">HHI", 2, 70, ssrc) + host.encode().ljust(64, b"\0") + struct.pack(">H", port)


def parse_discovery(packet: bytes, kind: int) -> tuple[int, str, int] | None:
    """`(ssrc, host, port)` when `packet` is a discovery packet of this kind (1 request, 2 answer)."""
    if len(packet) != _DISCOVERY_BYTES or struct.unpack_from(">HH", packet) != (kind, 70):
        return None
    ssrc = struct.unpack_from(">I", packet, 4)[0]
    return ssrc, packet[8:72].split(b"\0", 1)[0].decode("ascii"), struct.unpack_from(">H", packet, 72)[0]
