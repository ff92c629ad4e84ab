"""A server with OpenAI's chat completions, as vLLM, llama.cpp or OpenRouter speak them: server-sent events."""

import json
from typing import Any

from aiohttp import web

from tests.fakes.serving import Misbehaving


class OpenAiServer(Misbehaving):
    """Lists models and answers with the tokens it is told to."""

    def __init__(
        self, models: tuple[str, ...] = ("tiny-chat",), *, key: str | None = None, public_list: bool = False
    ) -> None:
        """
        Args:
            key: the only one that is accepted; None to accept any request.
            public_list: whether models are listed without a key, as OpenRouter does.
        """
        super().__init__()
        self.models: list[dict[str, Any]] = [{"id": name, "object": "model"} for name in models]
        self.key, self.public_list = key, public_list
        self.counts: dict[str, Any] = {"usage": {"prompt_tokens": 7, "completion_tokens": 4}}
        """What a client that asks for it is told of the tokens, behind the reply."""
        self.app = web.Application()
        self.app.add_routes(
            [
                web.get("/v1/models", self.list),
                web.get("/v1/key", self.check),
                web.post("/v1/chat/completions", self.chat),
            ]
        )

    def _stranger(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.key is None or given == self.key:
            return None
        message = f"Incorrect API key provided: {given}" if given else "No auth credentials found"
        return web.json_response({"error": {"message": message, "code": 401}}, status=401)

    async def check(self, request: web.Request) -> web.Response:
        return self._stranger(request) or web.json_response({"data": {"label": "test", "usage": 0}})

    async def list(self, request: web.Request) -> web.Response:
        refused = None if self.public_list else self._stranger(request)
        return refused or web.json_response({"object": "list", "data": self.models})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        await self.note(request)
        if refused := self._stranger(request):
            return refused
        behaviour = self.behaviour
        if self.refuses():
            headers = {"Retry-After": behaviour.retry_after} if behaviour.retry_after else {}
            return web.json_response({"error": {"message": "not now"}}, status=behaviour.status, headers=headers)
        if behaviour.plain:
            return web.Response(text="<html>a page</html>", content_type="text/html")
        body = self.recorded.bodies[-1]
        await self.hold()
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await stream.prepare(request)
        await stream.write(b": PROCESSING\n\n")
        most = body.get("max_tokens") or body["max_completion_tokens"]
        sent = 0
        error = b'data: {"error":{"code":502,"message":"Provider disconnected"},"choices":[]}\n\n'
        async for token in self.paced(request, stream, b"data: {gone wrong\n\n", error):
            if sent == most:
                break
            await stream.write(_event(token if isinstance(token, dict) else {"content": token}))
            sent += 1
        if behaviour.breaks:
            return stream
        await stream.write(_event({}, "length" if sent == most else "tool_calls" if behaviour.calls else "stop"))
        if (body.get("stream_options") or {}).get("include_usage"):
            await stream.write(b"data: " + json.dumps({"choices": [], **self.counts}).encode() + b"\n\n")
        await stream.write(b"data: [DONE]\n\n")
        return stream


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return (
        b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"
    )
