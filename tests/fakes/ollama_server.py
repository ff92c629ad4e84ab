"""An Ollama server: its native protocol, as lines of JSON."""

import json
from typing import Any

from aiohttp import web

from tests.fakes.serving import Misbehaving

_STAMP = "2026-01-01T00:00:00.000000000Z"


class OllamaServer(Misbehaving):
    """Has some models, can fetch some more, and answers with the tokens it is told to."""

    def __init__(
        self, models: tuple[str, ...] = ("llama3.2:latest",), *, library: tuple[str, ...] = (), thinks: bool = False
    ) -> None:
        super().__init__()
        self.models = list(models)
        self.library = library
        """Models that can be pulled."""
        self.capabilities = ["completion", "tools", *(["thinking"] if thinks else [])]
        self.info: dict[str, Any] = {"general.architecture": "llama", "llama.context_length": 8192}
        self.parameters = ""
        """What the model's file sets, a line each."""
        self.pulled: list[str] = []
        self.loads: list[dict[str, Any]] = []
        """Requests without messages, which load a model."""
        self.load_status = 200
        self.app = web.Application()
        self.app.add_routes(
            [
                web.get("/api/tags", self.tags),
                web.post("/api/show", self.show),
                web.post("/api/pull", self.pull),
                web.post("/api/chat", self.chat),
            ]
        )

    async def tags(self, request: web.Request) -> web.Response:
        models = [{"model": name, "name": name, "digest": "0" * 64, "size": 1, "details": {}} for name in self.models]
        return web.json_response({"models": models})

    async def show(self, request: web.Request) -> web.Response:
        name = _full((await request.json())["model"])
        if name not in self.models:
            return web.json_response({"error": f"model '{name}' not found"}, status=404)
        shown = {"details": {}, "model_info": self.info, "capabilities": self.capabilities}
        return web.json_response(shown | ({"parameters": self.parameters} if self.parameters else {}))

    async def pull(self, request: web.Request) -> web.StreamResponse:
        name = _full((await request.json())["model"])
        stream = await _lines(request)
        if name not in self.library:
            await _send(stream, {"status": "pulling manifest"})
            await _send(stream, {"error": "pull model manifest: file does not exist"})
            return stream
        total = 2_000_000_000
        for step in ({"status": "pulling manifest"}, {"status": "verifying sha256 digest"}, {"status": "success"}):
            await _send(stream, step)
            if step["status"] == "pulling manifest":
                for done in range(0, total + 1, total // 4):
                    await _send(stream, {"status": "pulling ab", "digest": "ab", "total": total, "completed": done})
        self.models.append(name)
        self.pulled.append(name)
        return stream

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        name = _full(body["model"])
        if not body["messages"]:
            self.loads.append(body)
            if self.load_status != 200:
                return web.json_response({"error": "model requires more system memory"}, status=self.load_status)
            return web.json_response(_part(name, "", done_reason="load"))
        await self.note(request)
        if self.refuses():
            headers = {"Retry-After": self.behaviour.retry_after} if self.behaviour.retry_after else {}
            return web.json_response({"error": "server busy"}, status=self.behaviour.status, headers=headers)
        if name not in self.models:
            return web.json_response({"error": f"model '{name}' not found"}, status=404)
        await self.hold()
        stream = await _lines(request)
        most = body["options"]["num_predict"]
        sent = 0
        async for token in self.paced(request, stream, b"<html>gone wrong\n", b'{"error":"runner has ended"}\n'):
            if sent == most:
                break
            await _send(stream, _part(name, "", **token) if isinstance(token, dict) else _part(name, token))
            sent += 1
        if self.behaviour.breaks:
            return stream
        last = _part(name, "", done_reason="length" if sent == most else "stop")
        await _send(stream, last | {"prompt_eval_count": 26, "prompt_eval_duration": 130_079_000})
        return stream


async def _lines(request: web.Request) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await stream.prepare(request)
    return stream


async def _send(stream: web.StreamResponse, line: dict[str, Any]) -> None:
    await stream.write(json.dumps(line).encode() + b"\n")


def _part(model: str, text: str, *, done_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **fields}
    part: dict[str, Any] = {"model": model, "created_at": _STAMP, "message": message}
    return {**part, "done": done_reason is not None} | ({"done_reason": done_reason} if done_reason else {})


def _full(name: str) -> str:
    return name if ":" in name else f"{name}:latest"
