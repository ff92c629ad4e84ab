"""`RVC_MODE=webui`: an RVC-WebUI server, through the named calls of its Gradio 3 page.

`infer_change_voice` loads a voice by name, `/upload` takes a file, `infer_convert` converts it, and the result is
fetched by its path. The server has one voice loaded at a time, so converters that share it take turns.
"""

import asyncio
import base64
from typing import Any
from weakref import WeakValueDictionary

from loguru import logger

from processors.errors import EngineError, SettingError
from processors.speaking.rvc.converter import Audio, Sound
from processors.speaking.rvc.remote import ClauseSession, Server, from_wav, to_wav
from processors.speaking.rvc.settings import RvcSettings

CALLS = {"infer_convert", "infer_change_voice"}
MEDIAN_RADIUS = 3
KEEP_RATE = 0
OUTPUT_ENVELOPE = 1.0


class _Turns:
    """Which voice a server has loaded, and whose turn it is."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.voice = ""


_turns: WeakValueDictionary[str, _Turns] = WeakValueDictionary()
"""By address: shared by the converters of all personas, and gone with the last of them."""


class WebUiConverter:
    """A voice of an RVC-WebUI server."""

    def __init__(self, settings: RvcSettings) -> None:
        self._settings = settings
        self._server: Server | None = None
        self._shared = _turns.setdefault(settings.url, _Turns())

    async def start(self) -> None:
        """Connect, and load the voice.

        Raises:
            SettingError: `RVC_WEBUI_URL` or `RVC_MODEL` is missing.
            EngineError: the server cannot be used, or cannot load the voice.
        """
        settings = self._settings
        if not settings.model:
            raise SettingError("RVC_MODEL is empty; RVC_MODE=webui needs the voice's name at the server, such as a.pth")
        self._server = Server(settings)
        try:
            page = await self._server.json("GET", "/config")
            calls = {call.get("api_name") for call in page.get("dependencies", [])} if isinstance(page, dict) else set()
            if missing := CALLS - calls:
                raise EngineError(
                    f"RVC_WEBUI_URL: {self._server.url} has no {' and no '.join(sorted(missing))}; is it an RVC-WebUI?"
                )
            async with self._shared.lock:
                await self._select(self._server)
        except BaseException:
            await self.close()
            raise
        logger.info("rvc voice ready: {} at {}", settings.model, self._server.url)

    async def convert(self, pcm: Audio, rate_hz: int) -> Sound:
        """Convert a clip at the server.

        Raises:
            EngineError: the server failed.
        """
        server, settings = self._started(), self._settings
        uploaded = await server.json(
            "POST", "/upload", files={"files": ("clause.wav", to_wav(Sound(pcm, rate_hz)), "audio/wav")}
        )
        if not (isinstance(uploaded, list) and uploaded and isinstance(uploaded[0], str)):
            raise EngineError(f"RVC_WEBUI_URL: {server.url}/upload gave no path; is it an RVC-WebUI?")
        async with self._shared.lock:
            if self._shared.voice != settings.model:
                await self._select(server)
            answer = await self._call(
                server,
                "infer_convert",
                settings.speaker,
                uploaded[0],
                settings.pitch,
                None,
                settings.f0_method,
                settings.index,
                "",
                settings.index_rate,
                MEDIAN_RADIUS,
                KEEP_RATE,
                OUTPUT_ENVELOPE,
                settings.protect,
            )
        if len(answer) < 2 or "Success" not in str(answer[0]) or not isinstance(answer[1], dict):
            said = str(answer[0]).strip().splitlines() if answer else []
            raise EngineError(f"RVC_WEBUI_URL: the server could not convert: {said[-1] if said else 'no reason given'}")
        return from_wav(await self._fetch(server, answer[1]))

    def session(self, rate_hz: int) -> ClauseSession:
        """A session that converts clause by clause."""
        return ClauseSession(self.convert, rate_hz)

    async def close(self) -> None:
        """Close the connection. The server keeps its voice."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    def _started(self) -> Server:
        if self._server is None:
            raise EngineError("rvc: the webui converter was not started")
        return self._server

    async def _select(self, server: Server) -> None:
        settings = self._settings
        self._shared.voice = ""
        try:
            await self._call(server, "infer_change_voice", settings.model, settings.protect, settings.protect)
        except EngineError as error:
            if "answers 500" not in str(error):
                raise
            raise EngineError(
                f"RVC_MODEL: {server.url} cannot load {settings.model!r}; it must be in the server's assets/weights"
            ) from error
        self._shared.voice = settings.model

    async def _call(self, server: Server, name: str, *values: object) -> list[Any]:
        answer = await server.json("POST", f"/run/{name}", json={"data": list(values)})
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise EngineError(f"RVC_WEBUI_URL: {server.url}/run/{name} answers no data; is it an RVC-WebUI?")
        return answer["data"]

    async def _fetch(self, server: Server, file: dict[str, Any]) -> bytes:
        """The content of what Gradio calls a file: a path at the server, or the bytes themselves."""
        match file:
            case {"name": str(path), "is_file": True}:
                return (await server.request("GET", f"/file={path}")).content
            case {"data": str(url)} if url.startswith("data:"):
                return base64.b64decode(url.partition(",")[2])
        raise EngineError("RVC_WEBUI_URL: the server's answer holds no sound")
