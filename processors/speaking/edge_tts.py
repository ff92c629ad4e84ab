"""Microsoft's online voices through edge-tts: no key, no weights, many languages. An unofficial client of a service
that may change or refuse at any time: put an engine of your own behind it (`SPEAKING_FALLBACKS`).
"""

import contextlib
from collections.abc import AsyncGenerator, Iterator
from types import ModuleType

import numpy as np
from loguru import logger

from processors.errors import EngineError
from processors.extras import need
from processors.lanes import Priority
from processors.language.waiting import outside_work
from processors.speaking.engines import Pcm, VoiceStyle
from processors.speaking.settings import SpeakingSettings
from processors.speaking.voices import VoiceChoice

_CONNECT_S = 5
_SLOWEST, _FASTEST = 0.5, 2.0


class EdgeTts:
    """One connection per clause, which is spoken as it streams in."""

    sample_rate_hz = 24000

    def __init__(self, settings: SpeakingSettings) -> None:
        self._voice = settings.edge.voice
        self._timeout_s = settings.timeout_s
        self._choice: VoiceChoice | None = None

    @property
    def voices(self) -> tuple[str, ...]:
        return self._choice.voices if self._choice else (self._voice,)

    async def start(self) -> None:
        """Ask for the voices there are.

        Raises:
            SettingError: the voice of the settings is not among them.
            EngineError: the library is missing, or the service cannot be reached or refuses.
        """
        library = _library()
        with _explained(library), outside_work():
            names = tuple(voice["ShortName"] for voice in await library.list_voices())
        self._choice = VoiceChoice("edge", self._voice, names, setting="EDGE_VOICE")
        logger.info("edge voices ready: {} ({} voices)", self._voice, len(names))

    async def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        import aiohttp

        library = _library()
        decoder = _Mp3Decoder()
        with _explained(library):
            request = library.Communicate(
                text,
                self._choice.of(style.voice) if self._choice else self._voice,
                rate=_rate(style.speed),
                connect_timeout=_CONNECT_S,
                receive_timeout=max(1, int(self._timeout_s)),
            )
            async with contextlib.aclosing(request.stream()) as messages:
                while True:
                    with outside_work():
                        message = await anext(messages, None)
                    if message is None:
                        break
                    if message["type"] == "audio":
                        for pcm in decoder.feed(message["data"]):
                            yield pcm
            # The library takes a lost connection for the end; it clears this figure when a turn really ends.
            if request.state["chunk_audio_bytes"]:
                raise aiohttp.ClientConnectionError("the connection broke")
            for pcm in decoder.end():
                yield pcm

    async def close(self) -> None:
        """Nothing to free: connections last as long as a clause."""


class _Mp3Decoder:
    """24 kHz mono MP3 to samples, chunk by chunk. A second of sound takes 2 ms."""

    def __init__(self) -> None:
        import av

        self._codec = av.CodecContext.create("mp3", "r")
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=EdgeTts.sample_rate_hz)

    def feed(self, chunk: bytes) -> Iterator[Pcm]:
        """The samples that are whole with `chunk`."""
        for packet in self._codec.parse(chunk):
            for frame in self._codec.decode(packet):
                yield from self._samples(frame)

    def end(self) -> Iterator[Pcm]:
        """The samples still held back."""
        yield from self.feed(b"")
        for frame in self._codec.decode(None):
            yield from self._samples(frame)
        yield from self._samples(None)

    def _samples(self, frame) -> Iterator[Pcm]:
        for resampled in self._resampler.resample(frame):
            yield np.ascontiguousarray(resampled.to_ndarray().reshape(-1), np.int16)


def _library() -> ModuleType:
    return need("edge_tts", setting="TTS_ENGINE=edge", extra="edge")


def _rate(speed: float) -> str:
    """A rate of speech as the service has it: +25% for 1.25."""
    return f"{round((min(max(speed, _SLOWEST), _FASTEST) - 1) * 100):+d}%"


@contextlib.contextmanager
def _explained(library: ModuleType) -> Iterator[None]:
    """Turn what the library, its transport and the decoder raise into what the user can do about it."""
    import aiohttp
    import av.error

    where = "the edge voices of Microsoft"
    try:
        yield
    except aiohttp.ClientResponseError as error:
        refused = f"{where} refuse us ({error.status}); update edge-tts, or choose another TTS_ENGINE"
        raise EngineError(refused, retryable=error.status >= 500 or error.status == 429) from error
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        unreachable = f"{where} are not to be had ({error or type(error).__name__}); TTS_ENGINE=edge needs the internet"
        raise EngineError(unreachable, retryable=True) from error
    except (
        aiohttp.ClientError,
        library.exceptions.EdgeTTSException,
        av.error.FFmpegError,
        ValueError,
        LookupError,
        TypeError,
    ) as error:
        raise EngineError(
            f"{where} answered with no sound ({type(error).__name__}: {error}); is edge-tts up to date?", retryable=True
        ) from error
