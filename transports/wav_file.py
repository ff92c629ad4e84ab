"""WAV files, read and written in a stream: memory stays flat however long they are.

Everything here is blocking file I/O in small pieces, out of the page cache unless the disk makes it wait: a frame of a
48 kHz recording is read in 0.2 ms at most (of an 8-channel 192 kHz one in 12 ms), and written in 10 microseconds. A
replay may call it on its event loop; a live session, whose 20 ms grid must not slip, hands it to a thread
(`await asyncio.to_thread(reader.read_frame)`). Use one object from one thread at a time.
"""

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from processors.errors import AudioError

Pcm = npt.NDArray[np.int16]

READ_RATE_HZ = 16000
READ_FRAME_SAMPLES = 320
WRITE_RATE_HZ = 24000

_PCM_SUBTYPES = frozenset(("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"))
_WAV_FORMATS = frozenset(("WAV", "WAVEX", "RF64"))
_RATES_HZ = range(8000, 192_001)
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""What programs that stream a WAV into a pipe write as the size of its data."""
_HEADER_BYTES = 44
_MAX_DATA_BYTES = 0xFFFFFFFF - _HEADER_BYTES


class WavReader:
    """Reads any PCM WAV as 20 ms frames of 16 kHz mono int16.

    Integer (8, 16, 24, 32 bit) or float (32, 64 bit) samples, 8 to 192 kHz, any number of channels, which are averaged;
    WAVE_FORMAT_EXTENSIBLE and RF64 too. Sample k of what comes out is the sound at k / 16000 s of the file: the
    resampler holds samples back, so the file is read ahead of the frame that is handed out.

    Raises AudioError, on opening, for a file that cannot be read, is no PCM WAV, is empty or cut short.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with _reported(self.path, "read"):
            _check_extent(self.path)
            self._file = soundfile.SoundFile(self.path)
        try:
            self._check_format()
        except AudioError:
            self._file.close()
            raise
        self.rate_hz: int = self._file.samplerate
        """Sample rate of the file."""
        self.duration_s: float = self._file.frames / self.rate_hz
        self._left = self._file.frames
        self._resampler = (
            None
            if self.rate_hz == READ_RATE_HZ
            else soxr.ResampleStream(self.rate_hz, READ_RATE_HZ, 1, dtype="float32", quality="HQ")
        )
        self._ready = np.empty(0, np.int16)

    def _check_format(self) -> None:
        file, path = self._file, self.path
        if file.format not in _WAV_FORMATS:
            raise AudioError(f"{path} is not a WAV file but {file.format_info}; convert it to a PCM WAV")
        if file.subtype not in _PCM_SUBTYPES:
            raise AudioError(f"{path} holds {file.subtype_info}; only integer and float PCM can be read, convert it")
        if file.samplerate not in _RATES_HZ:
            raise AudioError(f"{path} is sampled at {file.samplerate} Hz; 8000 to 192000 Hz can be read, resample it")
        if file.frames == 0:
            raise AudioError(f"{path} holds no sound: its length is zero")

    def __iter__(self) -> Iterator[Pcm]:
        """Yield the frames that have not been read yet: int16, shape (320,); the last is filled up with silence."""
        while (frame := self.read_frame()) is not None:
            yield frame

    def read_frame(self) -> Pcm | None:
        """Return the next frame, or None at the end of the file."""
        while len(self._ready) < READ_FRAME_SAMPLES and self._left:
            self._ready = np.concatenate((self._ready, self._read_block()))
        frame, self._ready = self._ready[:READ_FRAME_SAMPLES], self._ready[READ_FRAME_SAMPLES:]
        if 0 < len(frame) < READ_FRAME_SAMPLES:
            frame = np.concatenate((frame, np.zeros(READ_FRAME_SAMPLES - len(frame), np.int16)))
        return frame if len(frame) else None

    def _read_block(self) -> Pcm:
        """Read a fifth of a second and return what the resampler gives for it: it holds some samples back."""
        with _reported(self.path, "read"):
            block = self._file.read(min(self.rate_hz // 5, self._left), dtype="float32", always_2d=True)
        if not len(block):
            raise AudioError(f"{self.path} ends before the length in its header: it is cut short")
        self._left -= len(block)
        # A float file may hold anything; one NaN would poison the resampler for good.
        mono = np.clip(np.nan_to_num(block), -1, 1).mean(axis=1, dtype=np.float32)
        if self._resampler:
            mono = self._resampler.resample_chunk(mono, last=not self._left)
        return np.clip(np.rint(mono * 32768), -32768, 32767).astype(np.int16)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()


class _WavWriter:
    """Writes 24 kHz int16 to `NAME.partial.wav`, which becomes the file asked for only when it is complete.

    The header is brought up to date once a second, so that even a killed process leaves a WAV that plays.
    """

    def __init__(self, path: str | os.PathLike[str], channels: int) -> None:
        self.path = Path(path)
        self.partial_path = self.path.with_name(f"{self.path.stem}.partial.wav")
        """Where the sound is until `close`, and stays after `abort`."""
        self._channels = channels
        self._bytes = 0
        self._bytes_in_header = 0
        with _reported(self.path, "write"):
            if self.path.is_dir():
                raise AudioError(f"Cannot write {self.path}: it is a folder")
            self._file: BinaryIO = open(self.partial_path, "wb", buffering=0)  # noqa: SIM115 (closed by close, abort)
            try:
                self._write_header()
            except OSError:
                self._file.close()
                self.partial_path.unlink()
                raise

    @property
    def duration_s(self) -> float:
        """Length of what has been written."""
        return self._bytes / (2 * self._channels * WRITE_RATE_HZ)

    def _append(self, interleaved: Pcm) -> None:
        data = interleaved.astype("<i2", copy=False).tobytes()
        if self._bytes + len(data) > _MAX_DATA_BYTES:
            raise AudioError(f"Cannot write {self.path}: it would be longer than a WAV file can be (4 GiB)")
        with _reported(self.path, "write"):
            _write_all(self._file, data)
            self._bytes += len(data)
            if self._bytes - self._bytes_in_header >= 2 * self._channels * WRITE_RATE_HZ:
                self._write_header()

    def _write_header(self) -> None:
        width = 2 * self._channels
        form = struct.pack("<HHIIHH", 1, self._channels, WRITE_RATE_HZ, WRITE_RATE_HZ * width, width, 16)
        riff = b"RIFF" + struct.pack("<I", _HEADER_BYTES - 8 + self._bytes) + b"WAVEfmt " + struct.pack("<I", len(form))
        self._file.seek(0)
        _write_all(self._file, riff + form + b"data" + struct.pack("<I", self._bytes))
        self._file.seek(0, os.SEEK_END)
        self._bytes_in_header = self._bytes

    def close(self) -> Path:
        """Complete the file under its own name, replacing what was there, and return that. Repeatable."""
        if not self._file.closed:
            self.abort()
            with _reported(self.path, "write"):
                os.replace(self.partial_path, self.path)
        return self.path

    def abort(self) -> Path:
        """Close what was written so far as a valid WAV under `partial_path`, and return that. Repeatable."""
        if not self._file.closed:
            with _reported(self.path, "write"), self._file:
                # Half a frame may have been written when the disk filled up.
                self._file.truncate(_HEADER_BYTES + self._bytes)
                self._write_header()
        return self.partial_path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the file, or abort it when an error (that of a full disk included) is on its way out."""
        if kind is None:
            self.close()
            return
        with suppress(AudioError):
            self.abort()


class StereoWavWriter(_WavWriter):
    """Writes a conversation in time order, 24 kHz int16: people left, the bot right, on one timeline.

    Raises AudioError when the file cannot be made or the disk is full; what was written stays, marked by its name.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, channels=2)

    def write(self, left: Pcm, right: Pcm) -> None:
        """Append the next stretch of the timeline: int16 at 24 kHz, shape (n,) for both sides.

        Raises ValueError when the sides differ in length.
        """
        if left.shape != right.shape:
            raise ValueError(f"left is {left.shape}, right is {right.shape}")
        self._append(np.stack((left, right), axis=1))


class MonoWavWriter(_WavWriter):
    """Writes one voice in time order, 24 kHz int16. Raises as `StereoWavWriter` does."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, channels=1)

    def write(self, pcm: Pcm) -> None:
        """Append the next stretch: int16 at 24 kHz, shape (n,)."""
        self._append(pcm)


@contextmanager
def _reported(path: Path, verb: str) -> Iterator[None]:
    """Turn what the system or the sound library says into one line that names the file."""
    try:
        yield
    except OSError as error:
        raise AudioError(f"Cannot {verb} {path}: {error.strerror or error}") from error
    except soundfile.SoundFileError as error:
        detail = " ".join(getattr(error, "error_string", str(error)).split()).rstrip(".")
        raise AudioError(f"Cannot {verb} {path}: {detail}; is it a PCM WAV file?") from error


def _write_all(file: BinaryIO, data: bytes) -> None:
    """Write every byte: an unbuffered file may take a part, as it does just before the disk is full."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _check_extent(path: Path) -> None:
    """Refuse what the sound library would read in part: an empty file, or less sound than the header promises."""
    info = os.stat(path)
    if stat.S_ISDIR(info.st_mode):
        raise AudioError(f"Cannot read {path}: it is a folder")
    if not stat.S_ISREG(info.st_mode):
        raise AudioError(f"Cannot read {path}: it is not a regular file")
    if info.st_size == 0:
        raise AudioError(f"Cannot read {path}: the file is empty")
    with open(path, "rb") as file:
        if file.read(4) not in (b"RIFF", b"RF64") or file.seek(8) != 8 or file.read(4) != b"WAVE":
            raise AudioError(f"{path} is not a WAV file; convert it to a PCM WAV")
        while len(head := file.read(8)) == 8:
            size = struct.unpack("<I", head[4:])[0]
            present = info.st_size - file.tell()
            if head[:4] == b"data":
                if size > present and size not in _UNKNOWN_SIZES:
                    raise AudioError(f"{path} is cut short: {present} of {size} bytes of its sound are there")
                return
            file.seek(size + size % 2, os.SEEK_CUR)
    raise AudioError(f"{path} is cut short: its header has no sound after it")


__all__ = ["READ_FRAME_SAMPLES", "READ_RATE_HZ", "WRITE_RATE_HZ", "MonoWavWriter", "StereoWavWriter", "WavReader"]
