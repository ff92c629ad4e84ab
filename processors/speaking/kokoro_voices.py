"""Kokoro's voices: tables of styles, one style for each length of a text in phonemes."""

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from processors.errors import ModelCorruptError, SettingError
from processors.models import ResolvedModel
from processors.speaking.voices import parse_mixture

Style = npt.NDArray[np.float32]
"""(lengths, 1, 256)"""

_WIDTH = 256
_ESPEAK_LANGUAGES = {
    "a": "en-us",
    "b": "en-gb",
    "e": "es",
    "f": "fr-fr",
    "h": "hi",
    "i": "it",
    "p": "pt-br",
}
"""By the first letter of a voice's name. Japanese (j) and Chinese (z) need front ends of their own."""


def language_of(voice: str) -> str:
    """The language, in espeak's spelling, that a voice (of a mixture: the first) was trained to speak."""
    return _ESPEAK_LANGUAGES.get(voice.lstrip()[:1], "en-us")


def read_voices(path: Path) -> dict[str, Style]:
    """Voices of a folder of `<name>.bin` tables, or of a `voices-*.bin` as kokoro-onnx publishes it.

    Raises:
        SettingError: there are none.
        ModelCorruptError: one cannot be read.
    """
    if path.is_dir():
        tables = {file.stem: _read_table(file) for file in sorted(path.glob("*.bin"))}
        if tables:
            return tables
    elif path.is_file():
        try:
            with np.load(path) as archive:
                return {name: shaped(archive[name], path) for name in sorted(archive.files)}
        except (ValueError, OSError, BadZipFile, AttributeError) as error:
            raise ModelCorruptError(f"{path} holds no voices of Kokoro: {error} (KOKORO_VOICES)") from error
    raise SettingError(f"KOKORO_VOICES is {str(path)!r}, where no voices are (a folder of .bin, or a voices file)")


def pulled_voices(model: ResolvedModel) -> dict[str, Style]:
    """Voices that were pulled along with a model."""
    return {
        Path(name).stem: _read_table(file) for name, file in sorted(model.files.items()) if name.startswith("voices/")
    }


def style_of(voice: str, voices: Mapping[str, Style]) -> Style:
    """The style table of a voice, or of a mixture of voices: their weighted mean."""
    parts = parse_mixture(voice)
    shortest = min(len(voices[name]) for name, _ in parts)
    return sum((voices[name][:shortest] * np.float32(share) for name, share in parts), np.float32(0))  # type: ignore[return-value]


def _read_table(path: Path) -> Style:
    return shaped(np.fromfile(path, np.float32), path)


def shaped(table: npt.NDArray[np.float32], path: Path) -> Style:
    """A voice's numbers as one style for each length.

    Raises:
        ModelCorruptError: they are not whole styles.
    """
    if table.size == 0 or table.size % _WIDTH:
        raise ModelCorruptError(f"{path}: a voice has {table.size} numbers, not a multiple of {_WIDTH} (KOKORO_VOICES)")
    return np.ascontiguousarray(table, np.float32).reshape(-1, 1, _WIDTH)
