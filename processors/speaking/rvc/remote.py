"""What converters behind HTTP share: one client, errors that name the setting, WAV in and out."""

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import numpy as np

from processors.errors import EngineError, SettingError
from processors.speaking.rvc.converter import Audio, Sound
from processors.speaking.rvc.settings import RvcSettings


class Server:
    """A voice conversion server at `RVC_WEBUI_URL`."""

    def __init__(self, settings: RvcSettings) -> None:
        """
        Raises:
            SettingError: `RVC_WEBUI_URL` is empty or no http address.
        """
        if not settings.url.startswith(("http://", "https://")):
            raise SettingError(
                f"RVC_WEBUI_URL is {settings.url!r}; RVC_MODE={settings.mode} needs the server's address, such as "
                "http://127.0.0.1:7865"
            )
        self.url = settings.url.rstrip("/")
        self._client = httpx.AsyncClient(base_url=self.url, timeout=settings.timeout_s, trust_env=False)
        self._timeout_s = settings.timeout_s

    async def request(self, method: str, path: str, **content: Any) -> httpx.Response:
        """One request.

        Args:
            content: what httpx calls `json`, `data` or `files`.

        Raises:
            EngineError: the server is not reachable, too slow, or answers with an error.
        """
        try:
            answer = await self._client.request(method, path, **content)
        except httpx.TimeoutException as error:
            raise EngineError(
                f"RVC_WEBUI_URL: {self.url}{path} gave no answer within {self._timeout_s:g} s (RVC_TIMEOUT_S)",
                retryable=True,
            ) from error
        except httpx.HTTPError as error:
            raise EngineError(
                f"RVC_WEBUI_URL: {self.url} cannot be reached ({error or type(error).__name__}); is it running?",
                retryable=True,
            ) from error
        if answer.is_error:
            raise EngineError(
                f"RVC_WEBUI_URL: {self.url}{path} answers {answer.status_code}: {answer.text[:200]}",
                retryable=answer.status_code >= 500 or answer.status_code == 429,
            )
        return answer

    async def json(self, method: str, path: str, **content: Any) -> Any:
        """One request whose answer is JSON.

        Raises:
            EngineError: as `request`; or the answer is no JSON.
        """
        answer = await self.request(method, path, **content)
        try:
            return answer.json()
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise EngineError(
                f"RVC_WEBUI_URL: {self.url}{path} answers no JSON; is it the kind of server RVC_MODE names?"
            ) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def to_wav(sound: Sound) -> bytes:
    """A 16-bit WAV file."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.clip(sound.pcm, -1.0, 1.0), sound.rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def from_wav(content: bytes) -> Sound:
    """The first channel of a sound file.

    Raises:
        EngineError: it is none.
    """
    import soundfile

    try:
        pcm, rate_hz = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise EngineError(f"the rvc server sent {len(content)} bytes that are no sound ({error})") from error
    return Sound(np.ascontiguousarray(pcm[:, 0], np.float32), rate_hz)


class ClauseSession:
    """Converts clause by clause, each as a whole: for servers that take files."""

    def __init__(self, convert: Callable[[Audio, int], Awaitable[Sound]], rate_hz: int) -> None:
        self._convert, self._rate_hz = convert, rate_hz
        self._clause: list[Audio] = []

    async def feed(self, pcm: Audio) -> AsyncIterator[Sound]:
        """Keep sound until the clause is complete. Yields nothing."""
        self._clause.append(pcm)
        return
        yield

    async def flush(self) -> AsyncIterator[Sound]:
        """Convert the clause."""
        clause, self._clause = self._clause, []
        pcm = np.concatenate(clause) if clause else np.zeros(0, np.float32)
        if len(pcm):
            yield await self._convert(pcm, self._rate_hz)
