"""WAV files of every make are read as 16 kHz frames in time; conversations are written whole or marked as partial."""

import os
import resource
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from processors.errors import AudioError
from transports.wav_file import MonoWavWriter, StereoWavWriter, WavReader

RATES_HZ = (8000, 11025, 16000, 22050, 24000, 44100, 48000, 96000, 192000)


def tone(rate_hz: int, seconds: float = 1.0, hz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate_hz * seconds)) / rate_hz)


def read(path: Path) -> np.ndarray:
    with WavReader(path) as reader:
        return np.concatenate(list(reader))


def one_line(error: pytest.ExceptionInfo[AudioError], path: Path) -> None:
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@contextmanager
def disk_full_at(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes, which fails as a full disk does: in a write()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_pcm_format_is_read(tmp_path: Path, subtype: str, kind: str, channels: int) -> None:
    path = tmp_path / "in.wav"
    wanted = tone(16000)
    soundfile.write(path, np.repeat(wanted[:, None], channels, axis=1), 16000, subtype=subtype, format=kind)
    assert np.abs(read(path) / 32768 - wanted).max() < (0.01 if subtype == "PCM_U8" else 0.0001)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_every_sample_rate_is_read_at_its_own_speed(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "in.wav"
    soundfile.write(path, tone(rate_hz), rate_hz, subtype="FLOAT")
    heard = read(path)
    assert len(heard) == 16000
    assert np.abs(heard / 32768 - tone(16000))[200:-200].max() < 0.002


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("at_ms", [0, 5, 730, 1999])
def test_an_impulse_comes_out_at_its_time_to_the_sample(tmp_path: Path, rate_hz: int, at_ms: int) -> None:
    path = tmp_path / "in.wav"
    pulse = np.zeros(2 * rate_hz)
    pulse[rate_hz * at_ms // 1000] = 0.9
    soundfile.write(path, pulse, rate_hz, subtype="FLOAT")
    assert abs(int(np.argmax(read(path))) - 16 * (rate_hz * at_ms // 1000) * 1000 / rate_hz) <= 0.5


def test_16_khz_int16_passes_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    noise = np.random.default_rng(1).integers(-32768, 32768, 32000, dtype=np.int16)
    soundfile.write(path, noise, 16000)
    assert np.array_equal(read(path), noise)


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    soundfile.write(path, np.tile(np.array([8000, 4000], np.int16), (1600, 1)), 16000)
    assert set(read(path)) == {6000}


def test_frames_are_20_ms_and_the_last_is_filled_with_silence(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    soundfile.write(path, np.full(330, 100, np.int16), 16000)
    with WavReader(path) as reader:
        frames = list(reader)
        assert reader.read_frame() is None
        assert reader.duration_s == 330 / 16000
    assert [frame.shape for frame in frames] == [(320,), (320,)]
    assert frames[1].dtype == np.int16
    assert list(frames[1][:11]) == [100] * 10 + [0]


def test_one_sample_is_one_frame(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    soundfile.write(path, np.full(1, 100, np.int16), 16000)
    assert len(read(path)) == 320


def test_floats_that_are_no_sound_do_no_lasting_harm(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    samples = tone(48000, 2)
    samples[1000:1004] = np.nan, np.inf, -np.inf, 1e38
    soundfile.write(path, samples, 48000, subtype="DOUBLE")
    heard = read(path)
    assert np.abs(heard[16000:] / 32768 - tone(16000, 2)[16000:])[:-200].max() < 0.002


def test_a_two_hour_file_is_read_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    size = 2 * 3600 * 8000
    head = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    with open(path, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + head + b"data" + struct.pack("<I", size))
        file.truncate(44 + size)
    with WavReader(path) as reader:
        assert reader.duration_s == 7200
        frames = sum(1 for _ in range(50 * 7190) if reader.read_frame() is not None)
        tracemalloc.start()
        try:
            frames += sum(1 for _ in reader)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert frames == 7200 * 50
    assert peak < 100_000


def make(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def wav_bytes(tmp_path: Path, *, subtype: str = "PCM_16", format: str = "WAV") -> bytes:
    soundfile.write(tmp_path / "whole.wav", tone(16000), 16000, subtype=subtype, format=format)
    return (tmp_path / "whole.wav").read_bytes()


def test_what_cannot_be_read_is_named_in_one_line(tmp_path: Path) -> None:
    whole = wav_bytes(tmp_path)
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    cases = {
        tmp_path / "missing.wav": "No such file",
        tmp_path / "folder.wav": "folder",
        tmp_path / "loop.wav": "symbolic link",
        tmp_path / "pipe.wav": "regular file",
        make(tmp_path / "file", whole) / "x.wav": "Not a directory",
        make(tmp_path / "empty.wav", b""): "empty",
        make(tmp_path / "text.wav", b"hello, this is no sound at all, is it?"): "not a WAV",
        make(tmp_path / "riff.wav", whole[:10]): "not a WAV",
        make(tmp_path / "header.wav", whole[:30]): "cut short",
        make(tmp_path / "nodata.wav", whole[:36]): "cut short",
        make(tmp_path / "cut.wav", whole[:-1000]): "31000 of 32000 bytes",
        make(tmp_path / "zero.wav", whole[:40] + bytes(4)): "length is zero",
        make(tmp_path / "ulaw.wav", wav_bytes(tmp_path, subtype="ULAW")): "only integer and float PCM",
        make(tmp_path / "flac.wav", wav_bytes(tmp_path, format="FLAC")): "not a WAV",
        make(tmp_path / "fmt.wav", whole[:20] + b"\xff" * 16 + whole[36:]): "PCM WAV",
        make(tmp_path / "slow.wav", whole[:24] + struct.pack("<II", 4000, 8000) + whole[32:]): "4000 Hz",
    }
    for path, reason in cases.items():
        with pytest.raises(AudioError, match=reason) as error:
            WavReader(path)
        one_line(error, path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    path = make(tmp_path / "secret.wav", wav_bytes(tmp_path))
    path.chmod(0)
    with pytest.raises(AudioError, match="Permission denied") as error:
        WavReader(path)
    one_line(error, path)


def test_a_streamed_wav_of_unknown_length_is_read(tmp_path: Path) -> None:
    whole = wav_bytes(tmp_path)
    path = make(tmp_path / "pipe.wav", whole[:4] + b"\xff" * 4 + whole[8:40] + b"\xff" * 4 + whole[44:])
    assert len(read(path)) == 16000


def test_chunks_before_the_sound_are_passed_over(tmp_path: Path) -> None:
    whole = wav_bytes(tmp_path)
    path = make(tmp_path / "list.wav", whole[:36] + b"LIST" + struct.pack("<I", 5) + b"hello\0" + whole[36:])
    assert np.array_equal(read(path), read(tmp_path / "whole.wav"))


def test_a_file_that_shrinks_while_it_is_read_is_named(tmp_path: Path) -> None:
    path = make(tmp_path / "shrinks.wav", wav_bytes(tmp_path))
    with WavReader(path) as reader:
        os.truncate(path, 10_000)
        with pytest.raises(AudioError, match="cut short") as error:
            list(reader)
    one_line(error, path)


def test_people_are_left_and_the_bot_is_right(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with StereoWavWriter(path) as writer:
        for _ in range(100):
            writer.write(np.full(480, 1000, np.int16), np.full(480, -2000, np.int16))
        assert writer.duration_s == 2.0
        assert not path.exists()
    samples, rate_hz = soundfile.read(path, dtype="int16")
    assert (rate_hz, samples.shape) == (24000, (48000, 2))
    assert (set(samples[:, 0]), set(samples[:, 1])) == ({1000}, {-2000})
    assert os.listdir(tmp_path) == ["out.wav"]


def test_sides_of_unequal_length_are_refused(tmp_path: Path) -> None:
    with StereoWavWriter(tmp_path / "out.wav") as writer, pytest.raises(ValueError, match="left is"):
        writer.write(np.zeros(480, np.int16), np.zeros(479, np.int16))


def test_one_voice_is_written_in_mono(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(-32768, 32768, 30000, dtype=np.int16)
    with MonoWavWriter(tmp_path / "out.wav") as writer:
        writer.write(noise[:7])
        writer.write(noise[7:])
    assert np.array_equal(soundfile.read(tmp_path / "out.wav", dtype="int16")[0], noise)


def test_an_aborted_file_is_valid_and_marked_and_leaves_the_old_one_alone(tmp_path: Path) -> None:
    path = make(tmp_path / "out.wav", b"the old one")
    writer = StereoWavWriter(path)

    def interrupted() -> None:
        with writer:
            writer.write(np.ones(480, np.int16), np.ones(480, np.int16))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"the old one"
    assert writer.abort() == tmp_path / "out.partial.wav"
    assert soundfile.info(writer.partial_path).frames == 480


def test_even_a_killed_writer_leaves_a_wav_that_plays(tmp_path: Path) -> None:
    writer = MonoWavWriter(tmp_path / "out.wav")
    for _ in range(75):
        writer.write(np.ones(480, np.int16))
    assert soundfile.info(writer.partial_path).frames >= 24000
    writer.abort()


def test_closing_twice_changes_nothing(tmp_path: Path) -> None:
    writer = MonoWavWriter(tmp_path / "out.wav")
    assert writer.close() == writer.close() == tmp_path / "out.wav"
    assert soundfile.info(tmp_path / "out.wav").frames == 0


def test_what_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    make(tmp_path / "file", b"x")
    cases = {
        tmp_path / "folder.wav": "folder",
        tmp_path / "missing" / "out.wav": "No such file",
        tmp_path / "file" / "out.wav": "Not a directory",
        tmp_path / f"{'x' * 300}.wav": "name too long",
        Path("/proc/out.wav"): "Cannot write",
    }
    for path, reason in cases.items():
        with pytest.raises(AudioError, match=reason) as error:
            StereoWavWriter(path)
        one_line(error, path)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.wav"]


def test_a_full_disk_is_named_and_what_was_written_stays_valid(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    second = np.ones(24000, np.int16)

    def fill() -> None:
        with StereoWavWriter(path) as writer:
            for _ in range(9):
                writer.write(second, second)

    with disk_full_at(150_001), pytest.raises(AudioError) as error:
        fill()
    one_line(error, path)
    assert not path.exists()
    assert soundfile.info(tmp_path / "out.partial.wav").frames == 24000


def test_a_disk_full_from_the_start_leaves_nothing_behind(tmp_path: Path) -> None:
    with disk_full_at(10), pytest.raises(AudioError):
        StereoWavWriter(tmp_path / "out.wav")
    assert os.listdir(tmp_path) == []
