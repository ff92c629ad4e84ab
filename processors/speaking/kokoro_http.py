"""Kokoro on a server (Kokoro-FastAPI): raw samples, spoken as they stream in."""

from collections.abc import AsyncGenerator

import numpy as np
from loguru import logger

from processors.lanes import Priority
from processors.language.waiting import outside_work
from processors.speaking.engines import Pcm, VoiceStyle
from processors.speaking.settings import SpeakingSettings
from processors.speaking.voices import VoiceChoice
from processors.speech_server import ServerAddress, SpeechServer

_WARM_UP = "Hello."
_SLOWEST, _FASTEST = 0.25, 4.0
"""Speeds the server takes."""


class KokoroHttpTts:
    """One request per clause."""

    sample_rate_hz = 24000

    def __init__(self, settings: SpeakingSettings) -> None:
        """
        Raises:
            SettingError: the address or the key cannot be one.
        """
        self._settings = settings.kokoro
        self._choice: VoiceChoice | None = None
        self._server = SpeechServer(
            ServerAddress(
                name="the Kokoro server",
                url=settings.kokoro.api_url.rstrip("/").removesuffix("/v1"),
                url_setting="KOKORO_API_URL",
                key=settings.kokoro.api_key.get_secret_value(),
                key_setting="KOKORO_API_KEY",
                model_setting="KOKORO_API_MODEL",
                timeout_s=settings.timeout_s,
                timeout_setting="SPEAKING_TIMEOUT_S",
            )
        )

    @property
    def voices(self) -> tuple[str, ...]:
        return self._choice.voices if self._choice else (self._settings.voice,)

    async def start(self) -> None:
        """Ask for the voices, and have the server say a word.

        Raises:
            SettingError: the voice of the settings is not there.
            EngineError: the server cannot be reached, is no such server, or refuses.
        """
        answer = await self._server.get("/v1/audio/voices")
        if answer.status_code != 200:
            raise self._server.refusal(answer.status_code, answer.text, answer.headers)
        try:
            listed = answer.json()["voices"]
            # Newer servers describe each voice, older ones name it.
            names = tuple(voice["id"] if isinstance(voice, dict) else str(voice) for voice in listed)
        except (ValueError, KeyError, TypeError):
            raise self._server.malformed("lists no voices") from None
        self._choice = VoiceChoice("the Kokoro server", self._settings.voice, names, setting="KOKORO_VOICE", mixes=True)
        async for _ in self.synthesize(_WARM_UP, VoiceStyle()):
            pass
        logger.info("Kokoro server ready: {} ({} voices)", self._server.address.url, len(names))

    async def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        body = {
            "model": self._settings.api_model,
            "input": text,
            "voice": self._choice.of(style.voice) if self._choice else self._settings.voice,
            "response_format": "pcm",
            "speed": min(max(style.speed, _SLOWEST), _FASTEST),
            "stream": True,
        }
        async with self._server.stream("/v1/audio/speech", body) as answer:
            kind = answer.headers.get("content-type", "")
            if kind.startswith(("text/", "application/json")):
                raise self._server.malformed(f"sent {kind} instead of sound")
            odd = b""
            chunks = answer.aiter_bytes()
            while True:
                with outside_work():
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                # A chunk may end within a sample.
                chunk = odd + chunk
                odd = chunk[len(chunk) & ~1 :]
                if len(chunk) > 1:
                    yield np.frombuffer(chunk[: len(chunk) & ~1], "<i2").astype(np.int16, copy=False)
            if odd:
                raise self._server.malformed("sent half a sample")

    async def close(self) -> None:
        await self._server.close()
