from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.discord.signals import frames, loudest_hz, opus_tone, rms, tone
from transports.discord.errors import OpusError
from transports.discord.opus import IN_FRAME_BYTES, Decoder, Encoder, load_libopus
from transports.discord.pacing import SILENCE


def test_a_tone_survives_the_way_from_24_khz_to_16_khz():
    decoder = Decoder()
    pcm = b"".join(decoder.decode(packet) for packet in opus_tone(440, 1.0))
    assert len(pcm) == 50 * IN_FRAME_BYTES
    assert loudest_hz(pcm) == pytest.approx(440, abs=2)
    assert rms(pcm[IN_FRAME_BYTES * 5 :]) == pytest.approx(8000 / 2**0.5, rel=0.15)


def test_the_silence_frame_decodes_to_silence():
    decoder = Decoder()
    pcm = b"".join(decoder.decode(SILENCE) for _ in range(5))
    assert len(pcm) == 5 * IN_FRAME_BYTES
    assert rms(pcm) < 1


def test_a_lost_frame_is_concealed_with_something_like_it():
    packets = opus_tone(440, 0.4)
    for after in (packets[11], None):
        decoder = Decoder()
        for packet in packets[:10]:
            decoder.decode(packet)
        pcm = decoder.conceal(after)
        assert len(pcm) == IN_FRAME_BYTES
        assert rms(pcm) > 2000
        assert len(decoder.decode(packets[11])) == IN_FRAME_BYTES


def test_a_reset_encoder_has_forgotten_what_it_said():
    fresh, used = Encoder(), Encoder()
    silent = bytes(len(frames(tone(440, 0.02))[0]))
    for frame in frames(tone(440, 0.2)):
        used.encode(frame)
    used.reset()
    assert used.encode(silent) == fresh.encode(silent)


def test_a_frame_of_another_length_is_refused():
    with pytest.raises(OpusError, match="960"):
        Encoder().encode(bytes(100))


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_are_refused(packet):
    try:
        pcm = Decoder().decode(packet)
    except OpusError:
        return
    assert len(pcm) % 2 == 0


def test_a_missing_library_is_named_with_what_to_set(tmp_path: Path):
    with pytest.raises(OpusError, match="DISCORD_VOICE_OPUS_LIBRARY"):
        load_libopus(tmp_path / "none.so")
