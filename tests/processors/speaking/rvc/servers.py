"""Voice conversion servers on loopback that speak the protocols of RVC-WebUI (Gradio 3.34) and w-okada 1.5."""

import asyncio
import base64
import contextlib
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import soundfile
from aiohttp import BodyPartReader, web


@contextlib.asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    """Serve on a free port of the loopback; gives the address."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


class Trouble:
    """What may be wrong with a server: per path, an answer given instead of the right one."""

    def __init__(self) -> None:
        self.answers: dict[str, web.Response] = {}
        self.hang: asyncio.Event | None = None
        """While set and not fired, posts wait for it."""
        self.hanging = asyncio.Event()
        """Fires when a post waits."""

    @web.middleware
    async def middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.hang is not None and request.method == "POST":
            self.hanging.set()
            await self.hang.wait()
        for path, answer in self.answers.items():
            if request.path.startswith(path):
                return web.Response(body=answer.body, status=answer.status, content_type=answer.content_type)
        return await handler(request)


class RvcWebUi:
    """RVC-WebUI: "converts" by inverting the wave."""

    PATH = "/tmp/gradio/"

    def __init__(self, voices: tuple[str, ...] = ("alice.pth", "bob.pth"), *, inline: bool = False) -> None:
        self.voices, self.inline = voices, inline
        self.loaded: list[str] = []
        self.converted: list[tuple[str, list[Any]]] = []
        self.files: dict[str, bytes] = {}
        self.trouble = Trouble()
        self.app = web.Application(middlewares=[self.trouble.middleware])
        self.app.add_routes(
            [
                web.get("/config", self.config),
                web.post("/upload", self.upload),
                web.post("/run/infer_change_voice", self.change_voice),
                web.post("/run/infer_convert", self.convert),
                web.get("/file={path:.*}", self.file),
            ]
        )

    async def config(self, request: web.Request) -> web.Response:
        names = ["infer_refresh", "infer_clean", "infer_convert", "infer_convert_batch", "infer_change_voice", None]
        return web.json_response({"version": "3.34.0", "dependencies": [{"api_name": name} for name in names]})

    async def upload(self, request: web.Request) -> web.Response:
        paths = []
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            assert part.name == "files"
            path = f"{self.PATH}{len(self.files):040x}/{part.filename}"
            self.files[path] = bytes(await part.read())
            paths.append(path)
        return web.json_response(paths)

    async def change_voice(self, request: web.Request) -> web.Response:
        voice, *protects = (await request.json())["data"]
        assert len(protects) == 2
        if voice not in self.voices:
            return web.json_response({"error": None}, status=500)
        self.loaded.append(voice)
        update = {"__type__": "update"}
        return self._data([{"visible": True, "maximum": 1, **update}, update, update, update, update])

    async def convert(self, request: web.Request) -> web.Response:
        values = (await request.json())["data"]
        assert len(values) == 12
        self.converted.append((self.loaded[-1], values))
        pcm, rate_hz = soundfile.read(io.BytesIO(self.files[values[1]]), dtype="int16")
        out = io.BytesIO()
        soundfile.write(out, -pcm, rate_hz, format="WAV", subtype="PCM_16")
        info = "Success.\nIndex not used.\nTime:\nnpy: 0.10s, f0: 0.02s, infer: 0.30s."
        if self.inline:
            url = "data:audio/wav;base64," + base64.b64encode(out.getvalue()).decode()
            return self._data([info, {"name": None, "data": url, "is_file": False}])
        path = f"{self.PATH}out/{len(self.files)}.wav"
        self.files[path] = out.getvalue()
        return self._data([info, {"name": path, "data": None, "is_file": True}])

    async def file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["path"]], content_type="audio/wav")

    @staticmethod
    def _data(data: list[Any]) -> web.Response:
        return web.json_response({"data": data, "is_generating": False, "duration": 0.4, "average_duration": 0.4})


class WOkada:
    """w-okada: inverts the sound and is late by its crossfade and search, keeping state between blocks."""

    DELAY = 4096 + 576

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.blocks: list[int] = []
        self.memory = np.zeros(self.DELAY, np.int16)
        self.voice = True
        self.trouble = Trouble()
        self.app = web.Application(middlewares=[self.trouble.middleware])
        self.app.add_routes(
            [
                web.get("/info", self.info),
                web.post("/update_settings", self.update),
                web.post("/test", self.test),
            ]
        )

    async def info(self, request: web.Request) -> web.Response:
        if not self.voice:
            return web.json_response({"status": "ERROR", "msg": "no model loaded"})
        return web.json_response({"status": "OK", "crossFadeOverlapSize": 4096, "inputSampleRate": 48000})

    async def update(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.values[str(form["key"])] = str(form["val"])
        return await self.info(request)

    async def test(self, request: web.Request) -> web.Response:
        asked = json.loads(await request.text())
        assert isinstance(asked["timestamp"], int)
        heard = np.frombuffer(base64.b64decode(asked["buffer"]), "<i2")
        self.blocks.append(len(heard))
        late = np.concatenate((self.memory, heard))
        self.memory = late[len(heard) :]
        sound = base64.b64encode((-late[: len(heard)]).astype("<i2").tobytes()).decode()
        return web.json_response({"timestamp": asked["timestamp"], "changedVoiceBase64": sound})
