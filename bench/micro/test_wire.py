"""A voice packet from the wire: parse the header, authenticate, decrypt."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from transports.discord.crypto import cipher_for
from transports.discord.rtp import media_payload, pack_header, parse

OPUS_FRAME = bytes(range(160))


@pytest.mark.parametrize("mode", ["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"])
def test_parse_and_decrypt(benchmark: BenchmarkFixture, mode: str) -> None:
    """One packet of 20 ms."""
    cipher = cipher_for(mode, bytes(32))
    packet = cipher.seal(pack_header(7, 960, 1234), OPUS_FRAME, 7)

    def receive() -> bytes:
        header = parse(packet)
        return media_payload(header, cipher.open(packet, header.size))

    assert benchmark(receive) == OPUS_FRAME


@pytest.mark.parametrize("mode", ["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"])
def test_seal(benchmark: BenchmarkFixture, mode: str) -> None:
    """One packet of 20 ms, on its way out."""
    cipher = cipher_for(mode, bytes(32))
    header = pack_header(7, 960, 1234)

    benchmark(cipher.seal, header, OPUS_FRAME, 7)
