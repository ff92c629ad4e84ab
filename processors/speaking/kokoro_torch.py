"""Kokoro-82M by its authors' torch package, for a GPU. Works offline: weights and voices are files, and text becomes
phonemes by espeak, not by the spaCy model that the package would download at run time.
"""

import importlib.util
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from loguru import logger

from processors.errors import EngineError, ModelCorruptError, SettingError
from processors.extras import need
from processors.lanes import Job, Lane, Priority
from processors.speaking.engines import Pcm, VoiceStyle
from processors.speaking.kokoro_voices import Style, language_of, shaped, style_of
from processors.speaking.pronunciation import in_phonemes
from processors.speaking.settings import KokoroSettings
from processors.speaking.voices import VoiceChoice

_SETTING = "TTS_ENGINE=kokoro-torch"
_EXTRA = "kokoro-torch"
_WARM_UP = "Hello there."
_MOST_PHONEMES = 510
_SLOWEST, _FASTEST = 0.5, 2.0


class KokoroTorchTts:
    """Kokoro on one thread; a clause is one call, or several if it has more phonemes than the network takes."""

    sample_rate_hz = 24000

    def __init__(self, settings: KokoroSettings) -> None:
        """
        Raises:
            SettingError: the folder of the weights is not set.
        """
        if not settings.torch_folder:
            raise SettingError(
                "KOKORO_TORCH_FOLDER is not set; give it a folder with config.json, a .pth and voices/*.pt "
                "(huggingface.co/hexgrad/Kokoro-82M)"
            )
        self._settings = settings
        self._lane = Lane("kokoro-torch")
        self._torch: Any = None
        self._model: Any = None
        self._phonemizers: dict[str, Any] = {}
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
        self._model = None

    def _load(self, job: Job) -> None:
        self._torch = need("torch", setting=_SETTING, extra=_EXTRA)
        need("misaki.espeak", setting=_SETTING, extra=_EXTRA)
        kmodel = _import_model().KModel
        config, weights, voices = _files(Path(self._settings.torch_folder).expanduser())
        self._styles = {path.stem: self._read_voice(path) for path in voices}
        names = tuple(self._styles)
        self._choice = VoiceChoice("kokoro-torch", self._settings.voice, names, setting="KOKORO_VOICE", mixes=True)
        device = self._device()
        # What torch and the package raise on files of another shape means the same to the user.
        try:
            model = kmodel(repo_id="hexgrad/Kokoro-82M", config=str(config), model=str(weights))
            self._model = model.to(device).eval()
            for _ in self._speak(_WARM_UP, VoiceStyle()):
                pass
        except Exception as error:
            raise EngineError(
                f"Kokoro could not load {weights}: {error or type(error).__name__} (KOKORO_TORCH_FOLDER)"
            ) from error
        logger.info("Kokoro ready: {} ({} voices, {})", weights.name, len(names), device)

    def _device(self) -> str:
        available = self._torch.cuda.is_available()
        if self._settings.device == "cuda" and not available:
            raise SettingError("KOKORO_DEVICE is 'cuda', but torch finds no GPU here; set it to auto or cpu")
        return "cuda" if available and self._settings.device != "cpu" else "cpu"

    def _read_voice(self, path: Path) -> Style:
        try:
            table = self._torch.load(path, map_location="cpu", weights_only=True)
            return shaped(table.float().numpy(), path)
        except Exception as error:
            raise ModelCorruptError(f"{path} holds no voice: {error} (KOKORO_TORCH_FOLDER)") from error

    def _speak(self, text: str, style: VoiceStyle) -> Iterator[Pcm]:
        if self._model is None or self._choice is None:
            raise EngineError("Kokoro is not loaded")
        voice = self._choice.of(style.voice)
        table = style_of(voice, self._styles)
        speed = min(max(style.speed, _SLOWEST), _FASTEST)
        # torch's errors (out of GPU memory) and espeak's have no common base.
        try:
            for piece in _pieces(self._phonemes(text, language_of(voice))):
                row = self._torch.from_numpy(table[min(len(piece), len(table)) - 1])
                wave = self._model(piece, row, speed).numpy()
                yield (np.clip(wave, -1.0, 1.0) * 32767).astype(np.int16)
        except Exception as error:
            raise EngineError(f"Kokoro failed: {error}", retryable=True) from error

    def _phonemes(self, text: str, language: str) -> str:
        if language not in self._phonemizers:
            espeak = need("misaki.espeak", setting=_SETTING, extra=_EXTRA)
            self._phonemizers[language] = espeak.EspeakG2P(language=language)
        said = in_phonemes(text, lambda part: self._phonemizers[language](part)[0])
        return "".join(char for char in said if char in self._model.vocab).strip()


def _import_model() -> ModuleType:
    """The package's network without its `__init__`, which would take this program's log sinks away and import spaCy."""
    if "kokoro" not in sys.modules:
        spec = importlib.util.find_spec("kokoro")
        if spec is not None and spec.submodule_search_locations:
            bare = ModuleType("kokoro")
            bare.__path__ = list(spec.submodule_search_locations)
            sys.modules["kokoro"] = bare
    return need("kokoro.model", setting=_SETTING, extra=_EXTRA)


def _files(folder: Path) -> tuple[Path, Path, list[Path]]:
    """config.json, the weights and the voices of a folder.

    Raises:
        SettingError: one of them is not there.
    """
    config, weights = folder / "config.json", next(iter(sorted(folder.glob("*.pth"))), None)
    voices = sorted((folder / "voices").glob("*.pt"))
    if not config.is_file() or weights is None or not voices:
        missing = "config.json" if not config.is_file() else "a .pth" if weights is None else "voices/*.pt"
        raise SettingError(f"KOKORO_TORCH_FOLDER is {str(folder)!r}, which has no {missing}")
    return config, weights, voices


def _pieces(phonemes: str) -> Iterator[str]:
    """Phonemes in pieces the network takes, cut at blanks where there are any."""
    while len(phonemes) > _MOST_PHONEMES:
        cut = phonemes.rfind(" ", 1, _MOST_PHONEMES)
        cut = cut if cut > 0 else _MOST_PHONEMES
        yield phonemes[:cut]
        phonemes = phonemes[cut:].lstrip()
    if phonemes:
        yield phonemes
