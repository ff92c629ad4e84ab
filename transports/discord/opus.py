"""Opus through libopus, at the rates the pipeline uses: decode to 16 kHz mono, encode from 24 kHz mono.

Opus converts rates inside the codec for free; a resampler behind it would hold back 12 to 76 ms. A thin binding of
our own instead of discord.py's, which fixes 48 kHz stereo (ten times the encoding cost) and copies each frame
through a Python list. The GIL is kept meanwhile (`PyDLL`): a frame takes 0.04 to 0.2 ms, and letting go of the GIL can
cost the interpreter's switch interval, 5 ms, to get it back while another thread computes.
"""

import ctypes
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from transports.discord.errors import OpusError

IN_RATE_HZ = 16_000
OUT_RATE_HZ = 24_000
FRAME_MS = 20
IN_FRAME_SAMPLES = IN_RATE_HZ * FRAME_MS // 1000
OUT_FRAME_SAMPLES = OUT_RATE_HZ * FRAME_MS // 1000
IN_FRAME_BYTES = 2 * IN_FRAME_SAMPLES
OUT_FRAME_BYTES = 2 * OUT_FRAME_SAMPLES

_MAX_PACKET_BYTES = 1275
_MAX_DECODED_SAMPLES = IN_RATE_HZ * 120 // 1000
"""An Opus packet holds at most 120 ms."""

_APPLICATION = {"voip": 2048, "lowdelay": 2051}
_SET_BITRATE, _SET_COMPLEXITY, _SET_FEC, _SET_LOSS, _SET_SIGNAL, _RESET = 4002, 4010, 4012, 4014, 4024, 4028
_SIGNAL_VOICE = 3001
_COMPLEXITY = 5
"""Half the CPU of the default 9; no audible difference for one voice at 64 kbit/s."""

_SYSTEM_NAMES = {
    "linux": ("libopus.so.0", "libopus.so"),
    "darwin": ("libopus.0.dylib", "/opt/homebrew/lib/libopus.0.dylib", "/usr/local/lib/libopus.0.dylib"),
    "win32": ("opus.dll", "libopus-0.dll"),
}


def _candidates() -> list[str]:
    """Where libopus may be: the system's loader path, then the copy inside the PyAV wheel."""
    names = list(_SYSTEM_NAMES.get(sys.platform, ("libopus.so.0",)))
    spec = find_spec("av")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        for folder in (package.parent / "av.libs", package / ".dylibs"):
            names += [str(path) for path in sorted(folder.glob("*opus*")) if path.is_file()]
    return names


@cache
def load_libopus(path: Path | None = None) -> ctypes.PyDLL:
    """Load libopus once and declare the functions used here.

    Args:
        path: The library to use; None looks in the system and in the PyAV wheel.

    Raises:
        OpusError: None could be loaded; the message says what to install or set.
    """
    names = [str(path)] if path is not None else _candidates()
    for name in names:
        try:
            lib = ctypes.PyDLL(name)
        except OSError:
            continue
        return _declare(lib)
    raise OpusError(
        f"libopus was not found (tried {', '.join(names)}); install libopus, or `pip install av`, "
        "or set DISCORD_VOICE_OPUS_LIBRARY to its path"
    )


def _declare(lib: ctypes.PyDLL) -> ctypes.PyDLL:
    c_int, c_void_p, c_char_p, c_int32 = ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
    samples, error = ctypes.c_void_p, ctypes.POINTER(ctypes.c_int)
    for name, result, arguments in (
        ("opus_strerror", c_char_p, [c_int]),
        ("opus_encoder_create", c_void_p, [c_int32, c_int, c_int, error]),
        ("opus_encoder_destroy", None, [c_void_p]),
        # variadic: only the fixed arguments are declared, the value is passed as c_int
        ("opus_encoder_ctl", c_int, [c_void_p, c_int]),
        ("opus_encode", c_int32, [c_void_p, c_char_p, c_int, c_char_p, c_int32]),
        ("opus_decoder_create", c_void_p, [c_int32, c_int, error]),
        ("opus_decoder_destroy", None, [c_void_p]),
        ("opus_decode", c_int, [c_void_p, c_char_p, c_int32, samples, c_int, c_int]),
    ):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def _check(lib: ctypes.PyDLL, code: int, doing: str) -> int:
    if code < 0:
        raise OpusError(f"libopus could not {doing}: {lib.opus_strerror(code).decode()}")
    return code


class Decoder:
    """One stream's decoder: Opus in, 16 kHz mono int16 out. Not for two threads at once."""

    def __init__(self, library: Path | None = None) -> None:
        self._lib = load_libopus(library)
        error = ctypes.c_int()
        self._state = self._lib.opus_decoder_create(IN_RATE_HZ, 1, ctypes.byref(error))
        _check(self._lib, error.value, "create a decoder")
        self._pcm = ctypes.create_string_buffer(2 * _MAX_DECODED_SAMPLES)

    def decode(self, packet: bytes) -> bytes:
        """PCM of one packet, usually 320 samples.

        Raises:
            OpusError: The packet is corrupt.
        """
        if not packet:
            raise OpusError("libopus could not decode an empty packet")
        return self._run(packet, _MAX_DECODED_SAMPLES, 0)

    def conceal(self, after: bytes | None) -> bytes:
        """PCM for one lost 20 ms frame: from the error correction in the packet `after` it, else extrapolated."""
        return self._run(after, IN_FRAME_SAMPLES, 1 if after else 0)

    def _run(self, packet: bytes | None, samples: int, fec: int) -> bytes:
        size = len(packet) if packet else 0
        got = self._lib.opus_decode(self._state, packet or None, size, self._pcm, samples, fec)
        return ctypes.string_at(self._pcm, 2 * _check(self._lib, got, "decode a packet"))

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._lib.opus_decoder_destroy(self._state)


class Encoder:
    """The bot's encoder: 24 kHz mono int16 in, Opus out. Not for two threads at once."""

    def __init__(
        self,
        *,
        bitrate_kbps: int = 64,
        expected_loss_percent: int = 5,
        application: Literal["voip", "lowdelay"] = "voip",
        library: Path | None = None,
    ) -> None:
        self._lib = load_libopus(library)
        error = ctypes.c_int()
        self._state = self._lib.opus_encoder_create(OUT_RATE_HZ, 1, _APPLICATION[application], ctypes.byref(error))
        _check(self._lib, error.value, "create an encoder")
        self._packet = ctypes.create_string_buffer(_MAX_PACKET_BYTES)
        for request, value in (
            (_SET_BITRATE, bitrate_kbps * 1000),
            (_SET_COMPLEXITY, _COMPLEXITY),
            (_SET_FEC, 1),
            (_SET_LOSS, expected_loss_percent),
            (_SET_SIGNAL, _SIGNAL_VOICE),
        ):
            code = self._lib.opus_encoder_ctl(self._state, request, ctypes.c_int(value))
            _check(self._lib, code, f"set option {request}")

    def encode(self, pcm: bytes) -> bytes:
        """One packet from exactly 20 ms of PCM (480 samples, 960 bytes).

        Raises:
            OpusError: The frame has another length.
        """
        if len(pcm) != OUT_FRAME_BYTES:
            raise OpusError(f"libopus could not encode {len(pcm)} bytes: a frame is {OUT_FRAME_BYTES}")
        got = self._lib.opus_encode(self._state, pcm, OUT_FRAME_SAMPLES, self._packet, _MAX_PACKET_BYTES)
        return ctypes.string_at(self._packet, _check(self._lib, got, "encode a frame"))

    def reset(self) -> None:
        """Forget what was said before, so that a new utterance does not begin with the tail of a cleared one."""
        self._lib.opus_encoder_ctl(self._state, _RESET)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._lib.opus_encoder_destroy(self._state)
