"""Transport encryption between us and the voice server: the two `*_rtpsize` AEAD modes Discord offers.

Both authenticate the clear RTP header and append the low 32 bits of the nonce to the packet. End-to-end encryption
(DAVE) is a separate layer inside. The key changes with every voice session: ciphers are built for one key and thrown
away with it (a key captured at start makes a bot deaf at the next session, silently).
"""

import struct
from typing import Protocol

from transports.discord.errors import DecryptError, DiscordVoiceError
from transports.discord.rtp import NONCE_BYTES

XCHACHA20 = "aead_xchacha20_poly1305_rtpsize"
AES256_GCM = "aead_aes256_gcm_rtpsize"
MODES = (XCHACHA20, AES256_GCM)
KEY_BYTES = 32


class TransportCipher(Protocol):
    """Seals and opens packets with one key."""

    def seal(self, header: bytes, payload: bytes, counter: int) -> bytes:
        """The packet for the wire: `header`, the encrypted `payload`, its tag and the 32-bit `counter`."""
        ...

    def open(self, packet: bytes, header_size: int) -> bytes:
        """The decrypted body of `packet`, whose first `header_size` bytes are authenticated only.

        Raises:
            DecryptError: The tag does not match.
        """
        ...


class _XChaCha20:
    def __init__(self, key: bytes) -> None:
        import nacl.bindings
        import nacl.exceptions

        self._key = key
        self._encrypt = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt
        self._decrypt = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt
        self._failed = nacl.exceptions.CryptoError

    def seal(self, header: bytes, payload: bytes, counter: int) -> bytes:
        tail = struct.pack(">I", counter)
        return header + self._encrypt(payload, header, tail + bytes(20), self._key) + tail

    def open(self, packet: bytes, header_size: int) -> bytes:
        nonce = packet[-NONCE_BYTES:] + bytes(20)
        try:
            return self._decrypt(packet[header_size:-NONCE_BYTES], packet[:header_size], nonce, self._key)
        except self._failed as error:
            raise DecryptError("transport tag does not match") from error


class _Aes256Gcm:
    def __init__(self, key: bytes) -> None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._aead = AESGCM(key)
        self._failed = InvalidTag

    def seal(self, header: bytes, payload: bytes, counter: int) -> bytes:
        tail = struct.pack(">I", counter)
        return header + self._aead.encrypt(tail + bytes(8), payload, header) + tail

    def open(self, packet: bytes, header_size: int) -> bytes:
        nonce = packet[-NONCE_BYTES:] + bytes(8)
        try:
            return self._aead.decrypt(nonce, packet[header_size:-NONCE_BYTES], packet[:header_size])
        except self._failed as error:
            raise DecryptError("transport tag does not match") from error


def cipher_for(mode: str, key: bytes) -> TransportCipher:
    """The cipher of a transport `mode` for a 32-byte `key`.

    Raises:
        DiscordVoiceError: The server chose a mode this bot did not offer.
    """
    match mode:
        case "aead_xchacha20_poly1305_rtpsize":
            return _XChaCha20(key)
        case "aead_aes256_gcm_rtpsize":
            return _Aes256Gcm(key)
        case _:
            raise DiscordVoiceError(f"voice server chose the unknown encryption mode {mode!r}; known: {MODES}")
