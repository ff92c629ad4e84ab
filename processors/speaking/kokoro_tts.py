"""Kokoro-82M through kokoro-onnx: many natural voices. RTF 0.6 on two CPU cores, far below with a GPU.

The library runs a clause's phonemes in one forward pass, so the first sound comes when the clause is done: clauses
are cut short before they get here.
"""

import tempfile
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from loguru import logger

from processors.errors import EngineError, SettingError
from processors.extras import need
from processors.lanes import Job, Lane, Priority
from processors.models import ModelStore
from processors.onnx_sessions import providers, session_options
from processors.speaking.engines import Pcm, VoiceStyle
from processors.speaking.kokoro_voices import Style, language_of, pulled_voices, read_voices, style_of
from processors.speaking.pronunciation import in_phonemes
from processors.speaking.settings import KokoroSettings
from processors.speaking.voices import VoiceChoice

if TYPE_CHECKING:
    from kokoro_onnx import Kokoro

_WARM_UP = "Hello there."
_SLOWEST, _FASTEST = 0.5, 2.0
"""Speeds the library takes."""


class KokoroTts:
    """Kokoro on one thread; one clause is one call."""

    sample_rate_hz = 24000

    def __init__(self, settings: KokoroSettings, store: ModelStore) -> None:
        self._settings = settings
        self._store = store
        self._lane = Lane("kokoro")
        self._kokoro: Kokoro | None = None
        self._styles: dict[str, Style] = {}
        self._choice: VoiceChoice | None = None

    @property
    def voices(self) -> tuple[str, ...]:
        return self._choice.voices if self._choice else (self._settings.voice,)

    async def start(self) -> None:
        await self._lane.run(self._load)

    def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        return self._lane.pieces(lambda: self._speak(text, style), priority=priority)

    async def close(self) -> None:
        await self._lane.close()
        self._kokoro = None

    def _load(self, job: Job) -> None:
        library = need("kokoro_onnx", setting="TTS_ENGINE=kokoro", extra="kokoro")
        path, self._styles = model_files(self._settings, self._store)
        names = tuple(self._styles)
        self._choice = VoiceChoice("kokoro", self._settings.voice, names, setting="KOKORO_VOICE", mixes=True)
        on = providers(self._settings.device, setting="KOKORO_DEVICE")
        # Any failure of the library or the runtime to read the graph means the same to the user.
        try:
            self._kokoro = _open(library, path, on)
            for _ in self._speak(_WARM_UP, VoiceStyle()):
                pass
        except Exception as error:
            raise EngineError(
                f"Kokoro could not load {path}: {error or type(error).__name__}; KOKORO_MODEL must be an ONNX export "
                "of Kokoro-82M, such as kokoro-82m-int8 of `acore models list`"
            ) from error
        logger.info("Kokoro ready: {} ({} voices, {})", path.name, len(names), on[0])

    def _speak(self, text: str, style: VoiceStyle) -> Iterator[Pcm]:
        if self._kokoro is None or self._choice is None:
            raise EngineError("Kokoro is not loaded")
        voice = self._choice.of(style.voice)
        # The runtime's errors (out of GPU memory) and the library's have no common base.
        try:
            tokenizer, language = self._kokoro.tokenizer, language_of(voice)
            phonemes = tokenizer.known(in_phonemes(text, lambda part: tokenizer.phonemize(part, language)))
            if not phonemes:
                return
            speed = min(max(style.speed, _SLOWEST), _FASTEST)
            # The speaking stage trims by a rule of its own.
            wave, _ = self._kokoro.create(
                phonemes, style_of(voice, self._styles), speed=speed, is_phonemes=True, trim=False
            )
        except Exception as error:
            raise EngineError(f"Kokoro failed: {error}", retryable=True) from error
        yield (np.clip(wave, -1.0, 1.0) * 32767).astype(np.int16)


def model_files(settings: KokoroSettings, store: ModelStore) -> tuple[Path, dict[str, Style]]:
    """The graph and the voices that the settings mean.

    Raises:
        ModelError: they are in the manifest, but not (whole) on this machine.
        SettingError: there is no such model, or it has no voices.
    """
    own_voices = read_voices(Path(settings.voices).expanduser()) if settings.voices else None
    if settings.model in store.models:
        model = store.resolve(settings.model)
        return model.main, own_voices or pulled_voices(model)
    path = Path(settings.model).expanduser()
    if not path.is_file():
        raise SettingError(
            f"KOKORO_MODEL is {settings.model!r}; it must be a .onnx file or a model of `acore models list`"
        )
    if own_voices is None:
        raise SettingError(f"KOKORO_VOICES must name the voices of {path} (a folder of .bin, or a voices file)")
    return path, own_voices


def _open(library, path: Path, on: list[str]) -> "Kokoro":
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), session_options(), providers=on)
    # It insists on a voices file; the styles themselves are handed over with each text.
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "voices.npz"
        np.savez(empty)
        return library.Kokoro.from_session(session, str(empty))
