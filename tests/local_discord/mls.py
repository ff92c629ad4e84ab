"""The MLS structures (RFC 9420, ciphersuite 2) that a delivery service must read, and the ones it signs.

Written from the RFC and the public DAVE paper alone, so that a client's MLS library meets a second opinion.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_MLS10 = 1
_DHKEM_P256_AES128GCM_SHA256_P256 = 2
_PUBLIC_MESSAGE = 1
_CREDENTIAL_BASIC = 1
_SENDER_MEMBER, _SENDER_EXTERNAL = 1, 2
_CONTENT_PROPOSAL, _CONTENT_COMMIT = 2, 3
_PROPOSAL_ADD, _PROPOSAL_REMOVE = 1, 3
_LEAF_KEY_PACKAGE, _LEAF_COMMIT = 1, 3
_BY_REFERENCE = 2


class BadMls(ValueError):
    """A structure that breaks RFC 9420, or the narrower rules of DAVE."""


def vector(data: bytes) -> bytes:
    """`opaque data<V>`: the bytes behind their variable-length size (RFC 9420, 2.1.2)."""
    size = len(data)
    if size < 1 << 6:
        return bytes([size]) + data
    if size < 1 << 14:
        return struct.pack(">H", 0x4000 | size) + data
    return struct.pack(">I", 0x80000000 | size) + data


class Reader:
    """Reads TLS presentation language from bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def ended(self) -> bool:
        return self.at == len(self.data)

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise BadMls("truncated")
        taken = self.data[self.at : self.at + size]
        self.at += size
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self) -> bytes:
        first = self.number(1)
        prefix = first >> 6
        if prefix == 3:
            raise BadMls("a vector's size has the reserved prefix")
        size = first & 0x3F
        for _ in range((1 << prefix) - 1):
            size = size << 8 | self.number(1)
        return self.take(size)


@dataclass(frozen=True, slots=True)
class KeyPackage:
    """A verified invitation to add a user."""

    raw: bytes
    user_id: int


@dataclass(frozen=True, slots=True)
class Commit:
    """A member's commit, with the welcome that follows it when it adds someone."""

    message: bytes
    welcome: bytes
    group_id: bytes
    epoch: int
    sender_leaf: int
    proposal_refs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _LeafNode:
    signature_key: bytes
    identity: bytes
    source: int
    lifetime: tuple[int, int] | None
    signed_part: bytes
    signature: bytes


def _leaf_node(reader: Reader) -> _LeafNode:
    start = reader.at
    reader.vector()  # encryption_key
    signature_key = reader.vector()
    if reader.number(2) != _CREDENTIAL_BASIC:
        raise BadMls("the credential is not basic")
    identity = reader.vector()
    for _ in range(5):
        reader.vector()  # capabilities
    source = reader.number(1)
    lifetime = None
    if source == _LEAF_KEY_PACKAGE:
        lifetime = (reader.number(8), reader.number(8))
    elif source == _LEAF_COMMIT:
        reader.vector()  # parent_hash
    reader.vector()  # extensions
    signed_part = reader.data[start : reader.at]
    return _LeafNode(signature_key, identity, source, lifetime, signed_part, reader.vector())


def parse_key_package(raw: bytes) -> KeyPackage:
    """Read and verify a key package (op 26).

    Raises:
        BadMls: malformed, a wrong ciphersuite or lifetime, or a signature that does not verify.
    """
    reader = Reader(raw)
    if (reader.number(2), reader.number(2)) != (_MLS10, _DHKEM_P256_AES128GCM_SHA256_P256):
        raise BadMls("key package of another version or ciphersuite")
    reader.vector()  # init_key
    leaf = _leaf_node(reader)
    if leaf.source != _LEAF_KEY_PACKAGE or leaf.lifetime != (0, 2**64 - 1):
        raise BadMls("DAVE wants a key package whose lifetime never ends")
    reader.vector()  # extensions
    signed_part = raw[: reader.at]
    signature = reader.vector()
    if not reader.ended:
        raise BadMls("bytes after the key package")
    _verify(leaf.signature_key, b"LeafNodeTBS", leaf.signed_part, leaf.signature)
    _verify(leaf.signature_key, b"KeyPackageTBS", signed_part, signature)
    return KeyPackage(raw, int.from_bytes(leaf.identity, "big"))


def parse_commit(data: bytes) -> Commit:
    """Read a commit and the welcome behind it (op 28).

    Raises:
        BadMls: malformed, or it carries what DAVE forbids (inline proposals, private messages).
    """
    reader = Reader(data)
    if (reader.number(2), reader.number(2)) != (_MLS10, _PUBLIC_MESSAGE):
        raise BadMls("the commit is not a public message")
    group_id, epoch = reader.vector(), reader.number(8)
    if reader.number(1) != _SENDER_MEMBER:
        raise BadMls("the commit's sender is not a member")
    leaf = reader.number(4)
    reader.vector()  # authenticated_data
    if reader.number(1) != _CONTENT_COMMIT:
        raise BadMls("not a commit")
    proposals, refs = Reader(reader.vector()), []
    while not proposals.ended:
        if proposals.number(1) != _BY_REFERENCE:
            raise BadMls("the commit carries a proposal inline")
        refs.append(proposals.vector())
    if reader.number(1):  # optional UpdatePath
        _leaf_node(reader)
        reader.vector()
    for _ in ("signature", "confirmation_tag", "membership_tag"):
        reader.vector()
    return Commit(data[: reader.at], data[reader.at :], group_id, epoch, leaf, tuple(refs))


@dataclass(frozen=True, slots=True)
class Proposal:
    """One Add or Remove, signed by the external sender, waiting to be committed."""

    adds: bool
    user_id: int
    message: bytes
    ref: bytes
    leaf: int = -1
    """The leaf a Remove empties."""


class ExternalSender:
    """The voice gateway's own MLS identity: it proposes, members commit."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.package = vector(public) + struct.pack(">H", _CREDENTIAL_BASIC) + vector(b"local-voice-gateway")
        """What op 25 carries."""

    def propose_add(self, group_id: bytes, epoch: int, key_package: KeyPackage) -> Proposal:
        body = struct.pack(">H", _PROPOSAL_ADD) + key_package.raw
        return Proposal(True, key_package.user_id, *self._sign(group_id, epoch, body))

    def propose_remove(self, group_id: bytes, epoch: int, user_id: int, leaf: int) -> Proposal:
        body = struct.pack(">HI", _PROPOSAL_REMOVE, leaf)
        return Proposal(False, user_id, *self._sign(group_id, epoch, body), leaf)

    def _sign(self, group_id: bytes, epoch: int, proposal: bytes) -> tuple[bytes, bytes]:
        """The MLSMessage, and the reference by which a commit names it (RFC 9420, 5.2 and 6)."""
        sender = struct.pack(">BI", _SENDER_EXTERNAL, 0)
        content = b"".join(
            (vector(group_id), struct.pack(">Q", epoch), sender, vector(b""), bytes([_CONTENT_PROPOSAL]), proposal)
        )
        wire = struct.pack(">HH", _MLS10, _PUBLIC_MESSAGE)
        to_sign = _labelled(b"FramedContentTBS", wire + content)
        signature = vector(self._key.sign(to_sign, ec.ECDSA(hashes.SHA256())))
        authenticated = struct.pack(">H", _PUBLIC_MESSAGE) + content + signature
        ref = hashlib.sha256(vector(b"MLS 1.0 Proposal Reference") + vector(authenticated)).digest()
        return wire + content + signature, ref


def _labelled(label: bytes, content: bytes) -> bytes:
    return vector(b"MLS 1.0 " + label) + vector(content)


def _verify(public_key: bytes, label: bytes, content: bytes, signature: bytes) -> None:
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
        key.verify(signature, _labelled(label, content), ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature) as error:
        raise BadMls(f"the signature over {label.decode()} does not verify") from error
