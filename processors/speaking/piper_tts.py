"""Piper: fast voices in many languages, each a file of its own. The library is under the GPL: an extra, no default."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from processors.errors import EngineError, SettingError
from processors.extras import need
from processors.lanes import Job, Lane, Priority
from processors.speaking.engines import Pcm, VoiceStyle
from processors.speaking.settings import PiperSettings
from processors.speaking.voices import VoiceChoice

if TYPE_CHECKING:
    from piper import PiperVoice

_WARM_UP = "Hello there."
_USUAL_RATE_HZ = 22050


class PiperTts:
    """One Piper file on one thread; a clause comes sentence by sentence. Its speakers are its voices."""

    def __init__(self, settings: PiperSettings) -> None:
        """
        Raises:
            SettingError: the voice is not set.
        """
        if not settings.voice:
            raise SettingError(
                "PIPER_VOICE is not set; give it the path of a Piper voice (.onnx, its .onnx.json beside)"
            )
        self._path = Path(settings.voice).expanduser()
        self._speaker = settings.speaker
        self._lane = Lane("piper")
        self._voice: PiperVoice | None = None
        self._choice: VoiceChoice | None = None

    @property
    def sample_rate_hz(self) -> int:
        return self._voice.config.sample_rate if self._voice else _USUAL_RATE_HZ

    @property
    def voices(self) -> tuple[str, ...]:
        return self._choice.voices if self._choice else (self._speaker or self._path.stem,)

    async def start(self) -> None:
        await self._lane.run(self._load)

    def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        return self._lane.pieces(lambda: self._speak(text, style), priority=priority)

    async def close(self) -> None:
        await self._lane.close()
        self._voice = None

    def _load(self, job: Job) -> None:
        library = need("piper", setting="TTS_ENGINE=piper", extra="piper")
        for path in (self._path, self._path.with_name(f"{self._path.name}.json")):
            if not path.is_file():
                raise SettingError(f"PIPER_VOICE is {str(self._path)!r}, but there is no {path}")
        # Any failure of the library or the runtime to read the voice means the same to the user.
        try:
            voice: PiperVoice = library.PiperVoice.load(self._path)
            self._voice = voice
            speakers = tuple(voice.config.speaker_id_map or ()) or (self._path.stem,)
            self._choice = VoiceChoice("piper", self._speaker or speakers[0], speakers, setting="PIPER_SPEAKER")
            for _ in self._speak(_WARM_UP, VoiceStyle()):
                pass
        except SettingError:
            raise
        except Exception as error:
            raise EngineError(f"Piper could not load {self._path}: {error} (PIPER_VOICE)") from error
        logger.info("Piper ready: {}", self._path.stem)

    def _speak(self, text: str, style: VoiceStyle):
        if self._voice is None or self._choice is None:
            raise EngineError("Piper is not loaded")
        library = need("piper", setting="TTS_ENGINE=piper", extra="piper")
        config = self._voice.config
        how = library.SynthesisConfig(
            speaker_id=(config.speaker_id_map or {}).get(self._choice.of(style.voice)),
            length_scale=config.length_scale / style.speed,
        )
        try:
            for chunk in self._voice.synthesize(text, how):
                yield chunk.audio_int16_array
        except Exception as error:
            raise EngineError(f"Piper failed: {error}", retryable=True) from error
