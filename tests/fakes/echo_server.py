"""An OpenAI-compatible server that answers with a function of what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import web

from tests.fakes.openai_server import OpenAiServer


class EchoServer(OpenAiServer):
    """Answers by `reply`, which is given the last line of the last message, a word at a time."""

    def __init__(self, *, sees: bool = False) -> None:
        super().__init__()
        self.token_s = 0.0
        """How long a word takes."""
        self.reply: Callable[[str], str] = lambda words: f"You said: {words}"
        if sees:
            self.models[0]["architecture"] = {"input_modalities": ["text", "image"]}

    async def chat(self, request: web.Request) -> web.StreamResponse:
        words = said(await request.json()).splitlines()[-1]
        first, *rest = self.reply(words).split(" ")
        self.behaviour.tokens = (first, *(f" {word}" for word in rest))
        return await super().chat(request)

    async def paced(
        self, request: web.Request, stream: web.StreamResponse, malformed: bytes, error: bytes
    ) -> AsyncIterator[str | dict[str, Any]]:
        async for token in super().paced(request, stream, malformed, error):
            await asyncio.sleep(self.token_s)
            yield token

    @property
    def prompts(self) -> list[str]:
        """What it was shown last, request by request."""
        return [said(body) for body in self.recorded.bodies]


def said(body: dict[str, Any]) -> str:
    """The text of a request's last message."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)
