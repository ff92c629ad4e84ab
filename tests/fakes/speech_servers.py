"""Servers that hear and speak, with the ways they go wrong: Kokoro-FastAPI, OpenAI's transcriptions, `/transcribe`."""

import asyncio
import io
import json
import wave
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TONE = (b"\x10\x20" * 1200) * 4
"""What every clause sounds like: 200 ms of 24 kHz s16."""


@dataclass
class Trouble:
    """How requests go. As it stands: well."""

    status: int = 200
    retry_after: str | None = None
    slow_s: float = 0.0
    """Before the answer begins."""
    hang: bool = False
    """Never answer."""
    hang_midway: bool = False
    """Send half of it, and then nothing."""
    cut: bool = False
    """Drop the connection midway."""
    malformed: bool = False
    """Answer with something else."""


@dataclass
class SpeechFake:
    """What they share: a record of requests, and trouble."""

    key: str | None = None
    trouble: Trouble = field(default_factory=Trouble)
    asked: list[dict[str, Any]] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client went away before its answer was over."""

    async def hold(self, request: web.Request) -> web.Response | None:
        """Wait, hang or refuse, as told."""
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"detail": f"bad key {request.headers.get('Authorization')}"}, status=401)
        if self.trouble.hang:
            await self.hang()
        await asyncio.sleep(self.trouble.slow_s)
        if self.trouble.status != 200:
            headers = {"Retry-After": self.trouble.retry_after} if self.trouble.retry_after else {}
            return web.json_response({"detail": "not now"}, status=self.trouble.status, headers=headers)
        return None

    async def hang(self) -> None:
        """Stay silent until the client goes."""
        self.hanging.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.left.set()
            raise


class KokoroFake(SpeechFake):
    """Kokoro-FastAPI: streams raw s16 at 24 kHz, in chunks that end anywhere."""

    def __init__(self, *voices: str, described: bool = False, key: str | None = None) -> None:
        super().__init__(key)
        self.voices = voices or ("af_heart", "af_bella", "af_sky")
        self.described = described
        self.app = web.Application()
        self.app.add_routes([web.get("/v1/audio/voices", self.list), web.post("/v1/audio/speech", self.speak)])

    async def list(self, request: web.Request) -> web.Response:
        names = [{"id": name, "name": name} for name in self.voices] if self.described else list(self.voices)
        return web.json_response({"voices": names})

    async def speak(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        if refused := await self.hold(request):
            return refused
        if self.trouble.malformed:
            return web.json_response({"sound": "none"})
        stream = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await stream.prepare(request)
        await stream.write(TONE[:1001])
        if self.trouble.hang_midway:
            await self.hang()
        if self.trouble.cut:
            assert request.transport is not None
            request.transport.abort()
            return stream
        for start in range(1001, len(TONE), 3333):
            await stream.write(TONE[start : start + 3333])
        await stream.write_eof()
        return stream


class TranscriptionFake(SpeechFake):
    """OpenAI's `/v1/audio/transcriptions`, or the plain `/transcribe` with `/healthz`. Hears how long the sound is."""

    def __init__(self, *, plain: bool = False, key: str | None = None) -> None:
        super().__init__(key)
        self.health = 200
        self.words: Any = None
        """What an answer has beside its text when it is to be verbose; None for nothing."""
        self.verbose_status = 200
        """What the wish for a verbose answer is met with."""
        self.app = web.Application()
        if plain:
            self.app.add_routes([web.get("/healthz", self.healthz), web.post("/transcribe", self.transcribe)])
        else:
            self.app.add_routes(
                [web.get("/v1/models", self.list), web.post("/v1/audio/transcriptions", self.transcribe)]
            )

    async def healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"}, status=self.health)

    async def list(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "parakeet"}]})

    async def transcribe(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        upload = form["file"]
        assert isinstance(upload, web.FileField)
        with wave.open(io.BytesIO(upload.file.read())) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16000, 1, 2)
            length_ms = sound.getnframes() // 16
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        self.asked.append({**fields, "length_ms": length_ms, "path": request.path})
        if refused := await self.hold(request):
            return refused
        told: dict[str, Any] = {"text": f" heard {length_ms} ms "}
        if fields.get("response_format") == "verbose_json":
            if self.verbose_status != 200:
                return web.json_response({"detail": "json or text only"}, status=self.verbose_status)
            # As OpenAI does: no words unless they are asked for by this name.
            if self.words is not None and fields.get("timestamp_granularities[]") == "word":
                told |= {"words": self.words, "duration": length_ms / 1000}
        body = json.dumps(told).encode()
        if self.trouble.malformed:
            body = b'{"tex'
        if not (self.trouble.cut or self.trouble.hang_midway):
            return web.Response(body=body, content_type="application/json")
        stream = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
        await stream.prepare(request)
        await stream.write(body[:5])
        if self.trouble.hang_midway:
            await self.hang()
        assert request.transport is not None
        request.transport.abort()
        return stream
