import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as reference

from transports.discord.crypto import MODES, XCHACHA20, cipher_for
from transports.discord.errors import DecryptError, DiscordVoiceError
from transports.discord.rtp import pack_header

KEY, OTHER = bytes(range(32)), bytes(32)
HEADER = pack_header(1, 2, 3)


@pytest.mark.parametrize("mode", MODES)
@given(payload=st.binary(max_size=400), counter=st.integers(0, 0xFFFFFFFF))
def test_a_sealed_packet_opens(mode, payload, counter):
    cipher = cipher_for(mode, KEY)
    packet = cipher.seal(HEADER, payload, counter)
    assert packet[:12] == HEADER
    assert packet[-4:] == counter.to_bytes(4)
    assert cipher.open(packet, 12) == payload


def test_the_packet_is_what_the_protocol_says():
    expected = HEADER + reference(b"opus", HEADER, b"\0\0\0\7" + bytes(20), KEY) + b"\0\0\0\7"
    assert cipher_for(XCHACHA20, KEY).seal(HEADER, b"opus", 7) == expected


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_key_does_not_open(mode):
    packet = cipher_for(mode, KEY).seal(HEADER, b"opus", 1)
    with pytest.raises(DecryptError):
        cipher_for(mode, OTHER).open(packet, 12)


@pytest.mark.parametrize("mode", MODES)
@given(position=st.integers(0, 35), bit=st.integers(0, 7))
def test_any_changed_bit_is_noticed(mode, position, bit):
    cipher = cipher_for(mode, KEY)
    packet = bytearray(cipher.seal(HEADER, b"opus", 1))
    packet[position] ^= 1 << bit
    with pytest.raises(DecryptError):
        cipher.open(bytes(packet), 12)


def test_a_mode_we_did_not_offer_is_named():
    with pytest.raises(DiscordVoiceError, match="xsalsa20"):
        cipher_for("xsalsa20_poly1305", KEY)
