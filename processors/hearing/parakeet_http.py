"""Parakeet on a server: OpenAI-shaped (`/v1/audio/transcriptions`), or the plain `/transcribe` with `/healthz`.

Which of the two a server speaks is found out at start: one that answers `/healthz` and has no `/v1/models` is plain.
When each word was said only OpenAI-shaped ones tell, asked for `verbose_json` (`STT_WORD_TIMES`). One that refuses such
a request is asked for plain answers from then on.
"""

import io
import math
import wave
from typing import Any

import numpy as np
from loguru import logger

from processors.errors import EngineError
from processors.hearing.engines import Segment
from processors.hearing.parakeet import SHORTEST_SAMPLES
from processors.hearing.settings import HearingSettings
from processors.hearing.vad import SAMPLE_RATE_HZ, Pcm
from processors.lanes import Priority
from processors.language.errors import BusyError
from processors.speech_server import ServerAddress, SpeechServer
from processors.words import Transcript, Word


class ParakeetHttpStt:
    """One request per segment."""

    def __init__(self, settings: HearingSettings) -> None:
        """
        Raises:
            SettingError: the address or the key cannot be one.
        """
        parakeet = settings.parakeet
        self._settings = parakeet
        self._language = settings.language
        self._kind = parakeet.api_kind
        self._word_times = settings.word_times
        self._server = SpeechServer(
            ServerAddress(
                name="the speech-to-text server",
                url=parakeet.api_url.rstrip("/").removesuffix("/v1"),
                url_setting="PARAKEET_API_URL",
                key=parakeet.api_key.get_secret_value(),
                key_setting="PARAKEET_API_KEY",
                model_setting="" if parakeet.api_kind == "transcribe" else "PARAKEET_API_MODEL",
                timeout_s=settings.timeout_s,
                timeout_setting="HEARING_TIMEOUT_S",
            )
        )

    async def start(self) -> None:
        """Find out what the server speaks, and have it transcribe half a second of near-silence: that loads its model.

        Raises:
            EngineError: it cannot be reached, is no such server, or refuses.
        """
        if self._settings.api_kind == "auto":
            self._kind = await self._find_out()
        quiet = np.random.default_rng(0).normal(0, 50, SAMPLE_RATE_HZ // 2).astype(np.int16)
        try:
            await self.transcribe(Segment("warm-up", 0, quiet))
        except EngineError as error:
            if isinstance(error, BusyError) or not self._word_times:
                raise
            # Whatever else is wrong will be told without the wish for times, too.
            self._word_times = False
            await self.transcribe(Segment("warm-up", 0, quiet))
            logger.warning("there will be no times of words (STT_WORD_TIMES): {}", error)
        logger.info("speech-to-text server ready: {} ({})", self._server.address.url, self._kind)

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        if len(segment.pcm) < SHORTEST_SAMPLES:
            return ""
        file = ("speech.wav", wav_bytes(segment.pcm), "audio/wav")
        if self._kind == "transcribe":
            answer = await self._server.post("/transcribe", files={"file": file}, data={"include_timestamps": "false"})
        else:
            form = {"model": self._settings.api_model, "response_format": "json"}
            if self._word_times:
                form |= {"response_format": "verbose_json", "timestamp_granularities[]": "word"}
            if self._language:
                form["language"] = self._language
            answer = await self._server.post("/v1/audio/transcriptions", files={"file": file}, data=form)
        try:
            told = answer.json()
            text = told["text"]
        except (ValueError, KeyError, TypeError):
            raise self._server.malformed("answered with no transcript") from None
        if not isinstance(text, str):
            raise self._server.malformed("answered with a transcript that is no text")
        return Transcript(text.strip(), _words(told))

    async def close(self) -> None:
        await self._server.close()

    async def _find_out(self):
        listed = await self._server.get("/v1/models")
        if listed.status_code in (200, 401, 403):
            return "openai"
        healthy = await self._server.get("/healthz")
        if healthy.status_code == 200:
            return "transcribe"
        if healthy.status_code == 503:
            raise EngineError(f"the server at {self._server.address.url} is not ready yet (503)", retryable=True)
        raise self._server.malformed("answers neither /v1/models nor /healthz")


def _words(told: dict[str, Any]) -> tuple[Word, ...]:
    """The words of a verbose answer; none if they are not as OpenAI's are. The text is what matters."""
    try:
        return tuple(
            Word(word["word"].strip(), _ms(word["start"]), _ms(word["end"])) for word in told.get("words") or ()
        )
    except (TypeError, KeyError, AttributeError, ValueError):
        return ()


def _ms(seconds: float) -> float:
    if not math.isfinite(seconds):
        raise ValueError("no time")
    return round(1000 * seconds, 1)


def wav_bytes(pcm: Pcm) -> bytes:
    """A WAV file of 16 kHz mono int16 sound."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(pcm.astype("<i2", copy=False).tobytes())
    return buffer.getvalue()
