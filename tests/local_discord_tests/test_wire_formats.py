"""The parsers: whatever bytes arrive, they read them or say that they cannot."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.local_discord.mls import BadMls, ExternalSender, KeyPackage, Reader, parse_commit, parse_key_package, vector
from tests.local_discord.mls_group import Group
from tests.local_discord.rtp import (
    AES256_GCM,
    XCHACHA20,
    BadPacket,
    RtpHeader,
    discovery_answer,
    discovery_request,
    parse_discovery,
    seal,
    unseal,
)

_KEY = bytes(range(32))


@given(st.binary(max_size=20_000))
def test_a_vector_reads_back(data: bytes) -> None:
    reader = Reader(vector(data))

    assert reader.vector() == data
    assert reader.ended


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_mls_parsers(data: bytes) -> None:
    for parse in (parse_key_package, parse_commit):
        with contextlib.suppress(BadMls):
            parse(data)


@pytest.mark.parametrize("mode", [XCHACHA20, AES256_GCM])
@given(data=st.binary(max_size=200))
def test_no_bytes_crash_the_rtp_parser(mode: str, data: bytes) -> None:
    with pytest.raises(BadPacket):
        unseal(mode, _KEY, data)


@pytest.mark.parametrize("mode", [XCHACHA20, AES256_GCM])
@given(body=st.binary(max_size=200), sequence=st.integers(0, 0xFFFF), ssrc=st.integers(1, 2**32 - 1))
def test_a_sealed_packet_opens_only_with_its_key(mode: str, body: bytes, sequence: int, ssrc: int) -> None:
    header = RtpHeader(sequence, 960, ssrc)
    packet = seal(mode, _KEY, header.pack(), body, 1)

    assert unseal(mode, _KEY, packet) == (header, body)
    with pytest.raises(BadPacket):
        unseal(mode, bytes(32), packet)


def test_padding_and_extension_are_stripped() -> None:
    clear = RtpHeader(1, 960, 7, padded=True, extended=True).pack() + b"\xbe\xde\x00\x01"

    packet = seal(XCHACHA20, _KEY, clear, b"\x10\xff\x00\x00" + b"opus" + bytes(6) + b"\x07", 1)

    assert unseal(XCHACHA20, _KEY, packet)[1] == b"opus"


def test_discovery_reads_back() -> None:
    assert parse_discovery(discovery_request(7), kind=1) == (7, "", 0)
    assert parse_discovery(discovery_answer(7, "127.0.0.1", 4000), kind=2) == (7, "127.0.0.1", 4000)
    assert parse_discovery(discovery_request(7), kind=2) is None
    assert parse_discovery(b"\0\1", kind=1) is None


def test_a_withdrawn_proposal_is_no_longer_in_flight() -> None:
    group = Group(1)
    group.propose_add(KeyPackage(b"a", 10))
    withdrawn = group.propose_add(KeyPackage(b"b", 11))

    assert group.withdraw_adds(11) == [withdrawn]
    assert [proposal.user_id for proposal in group.inflight] == [10]


def test_each_group_has_its_own_external_sender() -> None:
    assert ExternalSender().package != ExternalSender().package
