"""Whisper through faster-whisper (CTranslate2): many languages, slower than the others on a CPU."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from loguru import logger

from processors.errors import EngineError, SettingError
from processors.extras import need
from processors.hearing.engines import Segment
from processors.hearing.parakeet import SHORTEST_SAMPLES
from processors.hearing.settings import HearingSettings
from processors.hearing.vad import SAMPLE_RATE_HZ, Pcm
from processors.lanes import Job, Lane, Priority
from processors.words import Transcript, Word

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.transcribe import Segment as Piece
    from faster_whisper.transcribe import Word as Found


class WhisperStt:
    """Whisper on one thread. A cancelled call stops between two of the model's segments."""

    def __init__(self, settings: HearingSettings, *, offline: bool) -> None:
        """
        Args:
            offline: never fetch a model by its name.
        """
        self._settings = settings.whisper
        self._language = settings.language or None
        self._word_times = settings.word_times
        self._offline = offline
        self._lane = Lane("whisper")
        self._model: WhisperModel | None = None

    async def start(self) -> None:
        await self._lane.run(self._load)

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        if len(segment.pcm) < SHORTEST_SAMPLES:
            return ""
        return await self._lane.run(lambda job: self._decode(job, segment.pcm), priority=priority)

    async def close(self) -> None:
        await self._lane.close()
        self._model = None

    def _load(self, job: Job) -> None:
        library = need("faster_whisper", setting="STT_ENGINE=whisper", extra="whisper")
        name = self._settings.model
        if ("/" in name or "\\" in name) and name.startswith((".", "/", "~")) and not Path(name).expanduser().is_dir():
            raise SettingError(f"WHISPER_MODEL is {name!r}; there is no such folder (a CTranslate2 model)")
        # The runtime's errors on files of another shape, and the hub's on a name it does not know, have no common base.
        try:
            self._model = library.WhisperModel(
                str(Path(name).expanduser()) if name.startswith("~") else name,
                device=self._settings.device,
                compute_type=self._settings.precision,
                local_files_only=self._offline,
            )
            self._check_language(self._model)
            self._decode(job, np.random.default_rng(0).normal(0, 50, SAMPLE_RATE_HZ).astype(np.int16))
        except SettingError:
            raise
        except Exception as error:
            raise EngineError(
                f"Whisper could not load {name}: {error or type(error).__name__}; WHISPER_MODEL must be a folder with "
                "a CTranslate2 model, or a size such as tiny.en or large-v3-turbo that can be fetched"
            ) from error
        logger.info("Whisper ready: {}", name)

    def _check_language(self, model: "WhisperModel") -> None:
        """The library takes another language instead, with a line in its own log."""
        known = model.supported_languages
        if self._language and self._language not in known:
            only = "English only" if known == ["en"] else f"{len(known)} languages, but not that one"
            raise SettingError(
                f"STT_LANGUAGE is {self._language!r}, but WHISPER_MODEL={self._settings.model} knows {only}"
            )

    def _decode(self, job: Job, pcm: Pcm) -> str:
        if self._model is None:
            raise EngineError("Whisper is not loaded")
        samples = np.multiply(pcm, 1 / 32768, dtype=np.float32)
        pieces: list[Piece] = []
        try:
            # Greedy, and each segment by itself: a voice turn is short, and a wrong guess must not feed the next.
            found, _ = self._model.transcribe(
                samples,
                language=self._language,
                beam_size=1,
                without_timestamps=True,
                word_timestamps=self._word_times,
                condition_on_previous_text=False,
            )
            for piece in found:
                if job.cancelled:
                    return ""
                pieces.append(piece)
        except Exception as error:
            raise EngineError(f"Whisper failed: {error}", retryable=True) from error
        text = " ".join(said for piece in pieces if (said := piece.text.strip()))
        return Transcript(text, (_word(word) for piece in pieces for word in piece.words or ()))


def _word(found: "Found") -> Word:
    # They are numpy's.
    return Word(found.word.strip(), round(1000 * float(found.start), 1), round(1000 * float(found.end), 1))
