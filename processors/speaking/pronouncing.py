"""A text-to-speech engine that says words as its character's dictionary wants them."""

from collections.abc import AsyncGenerator

from processors.lanes import Priority
from processors.speaking.engines import Pcm, TextToSpeech, VoiceStyle


class PronouncingTts:
    """A `TextToSpeech` in front of another one: respells the text on its way."""

    def __init__(self, tts: TextToSpeech, phoneme_mark: str | None) -> None:
        """
        Args:
            phoneme_mark: how the engine takes phonemes; None if it takes none.
        """
        self._tts = tts
        self._phoneme_mark = phoneme_mark

    @property
    def sample_rate_hz(self) -> int:
        return self._tts.sample_rate_hz

    @property
    def voices(self) -> tuple[str, ...]:
        return self._tts.voices

    async def start(self) -> None:
        await self._tts.start()

    def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        text = style.pronunciations.respell(text, self._phoneme_mark)
        return self._tts.synthesize(text, style, priority=priority)

    async def close(self) -> None:
        await self._tts.close()
