"""`LLM_PROVIDER=openrouter` and `openai`: one client for every server with OpenAI's streamed chat completions."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from loguru import logger

from processors.errors import EngineError, SettingError
from processors.lanes import Priority
from processors.language.engines import UNTOLD_CONTEXT_TOKENS, Delta, Finish, Message, Usage, context_within
from processors.language.errors import BusyError
from processors.language.openai_service import Service, context_length, prompt_usage, refusal, request_body, said
from processors.language.settings import Sampling
from processors.language.sse import SseDecoder
from processors.language.thoughts import ThinkStripper
from processors.language.tool_calls import CallAssembler, Tool, ToolOffer
from processors.language.waiting import drain, outside_work, patiently, read_ahead

if TYPE_CHECKING:
    import httpx

_CONNECT_S = 5.0
_IDLE_S = 300.0
"""How long an unused connection is kept: a pause in the talk must not cost the next turn a TLS handshake."""
_MOST_ERROR_BYTES = 1 << 16
_MOST_LISTED = 5
_USUAL_CONTEXT = 8192
"""Tokens. More costs money and time with every reply, and people who talk hardly ever come to it."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one event brings."""

    text: str = ""
    calls: Any = None
    """Fragments of calls, as they came."""
    finish: Finish | None = None
    usage: Usage | None = None


class OpenAiLlm:
    """Streams from one server. A cancelled reply closes its connection, at which the server stops."""

    def __init__(self, service: Service, *, timeout_s: float, retry_after_s: float, context_tokens: int = 0) -> None:
        """
        Args:
            context_tokens: the most the model is shown; 0 for what is usual.
            timeout_s: longest wait for the next token.
            retry_after_s: longest wait a busy server may ask for before it is asked once more.
        """
        self._service = service
        self._timeout_s = timeout_s
        self._retry_after_s = retry_after_s
        self._allowed_tokens = context_tokens
        self._context_tokens = context_tokens
        self._model = service.model
        self._extra: dict[str, Any] = {}
        self._offer = ToolOffer()
        self._sees = bool(service.sees)
        self._client: httpx.AsyncClient | None = None

    @property
    def sees(self) -> bool:
        return self._sees

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    async def start(self) -> None:
        """Check that the server is there, takes the key and has the model.

        Raises:
            SettingError: the server has no such model.
            EngineError: it cannot be reached, refuses the key, or is no such server.
        """
        if self._client is None:
            self._client = self._connect()
        if self._service.key_check:
            await self._get(self._service.key_check)
        answer = await self._get("/models")
        listed = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(listed, list):
            raise EngineError(
                f"{self._service.name} at {self._service.url} lists no models; is {self._service.url_setting} right?"
            )
        self._choose([model for model in listed if isinstance(model, dict) and isinstance(model.get("id"), str)])
        logger.info(
            "language model ready: {} at {}, context of {} tokens",
            self._model,
            self._service.url,
            self._context_tokens,
        )

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        if self._service.reads_ahead:
            await read_ahead(partial(self.stream, tools=tools), messages)

    async def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        tools: Sequence[Tool] = (),
        priority: Priority = Priority.LIVE,
        room: str = "",
    ) -> AsyncGenerator[Delta, None]:
        body = request_body(self._service, self._model, list(messages), sampling, self._offer.to_be_told(tools))
        body |= self._extra
        stripper, assembler, finish, usage = ThinkStripper(), CallAssembler(self._service.name), None, None
        async with contextlib.aclosing(patiently(self._events(body), self._timeout_s)) as events:
            async for data in events:
                piece = _Piece(finish="stop") if data == "[DONE]" else self._read(data)
                text, calls, finish = stripper.feed(piece.text), assembler.feed(piece.calls), piece.finish
                usage = piece.usage or usage
                if text or calls:
                    yield Delta(text, calls=calls)
                if finish:
                    break
            else:
                raise EngineError(f"{self._service.name} broke off in the middle of its reply", retryable=True)
            last = assembler.end(cut_short=finish == "length")
            if text := stripper.end():
                yield Delta(text)
            # What was counted comes behind the end.
            counts = [count for data in await drain(events) if (count := _counted(data))]
            usage = counts[-1] if counts else usage
            yield Delta("", "tools" if assembler.begun else finish, usage, last)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _connect(self) -> "httpx.AsyncClient":
        import httpx

        headers = dict(self._service.headers)
        if self._service.key:
            headers["Authorization"] = f"Bearer {self._service.key}"
        return httpx.AsyncClient(
            base_url=self._service.url,
            headers=headers,
            # How long the next token may take is `patiently`'s business.
            timeout=httpx.Timeout(None, connect=_CONNECT_S),
            limits=httpx.Limits(keepalive_expiry=_IDLE_S),
        )

    def _choose(self, models: list[dict[str, Any]]) -> None:
        names = [model["id"] for model in models]
        if not self._service.model:
            if not names:
                raise EngineError(f"{self._service.name} at {self._service.url} has no model loaded; load one")
            self._model = names[0]
        # OpenRouter lists a model without the variant that chooses among its hosts (":nitro", ":floor").
        wanted = (self._model, self._model.rpartition(":")[0])
        found = next((model for name in wanted for model in models if model["id"] == name), None)
        if found is None:
            some = ", ".join(names[:_MOST_LISTED]) + (", ..." if len(names) > _MOST_LISTED else "")
            raise SettingError(
                f"{self._service.model_setting} is {self._service.model!r}, which {self._service.name} at "
                f"{self._service.url} does not have; it has: {some or 'none'}"
            )
        supported = found.get("supported_parameters")
        if isinstance(supported, list) and "tools" not in supported:
            self._offer.model_calls_none(f"{self._service.model_setting}={self._model}")
        own = context_length(found)
        self._context_tokens = context_within(
            own,
            self._allowed_tokens,
            f"{self._service.model_setting}={self._model}",
            usual=_USUAL_CONTEXT if own else UNTOLD_CONTEXT_TOKENS,
        )
        if self._service.sees is None:
            self._sees = "image" in _inputs(found)
        # What is thought costs the turn's first second and is never spoken. OpenRouter says who can do without.
        reasoning = found.get("reasoning")
        mandatory = isinstance(reasoning, dict) and reasoning.get("mandatory")
        if isinstance(supported, list) and "reasoning" in supported and not mandatory:
            self._extra = {"reasoning": {"enabled": False}, **self._service.extra}

    async def _get(self, path: str) -> Any:
        import httpx

        assert self._client is not None
        try:
            with outside_work():
                async with asyncio.timeout(self._timeout_s):
                    response = await self._client.get(path)
        except TimeoutError:
            raise EngineError(
                f"{self._service.name} at {self._service.url} gave no answer within {self._timeout_s:g} s "
                f"({self._service.url_setting}, LANGUAGE_TIMEOUT_S)",
                retryable=True,
            ) from None
        except httpx.HTTPError as error:
            raise self._broken(error) from error
        if response.status_code != 200:
            raise refusal(
                self._service, "", response.status_code, response.content, response.headers.get("retry-after")
            )
        try:
            return response.json()
        except ValueError:
            raise EngineError(
                f"{self._service.name}: {self._service.url}{path} answers no JSON; {self._service.url_setting} usually "
                "ends in /v1"
            ) from None

    async def _events(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """The data of each event of a reply. Asks again if the server says when, or had dropped an idle connection."""
        import httpx

        if self._client is None:
            raise EngineError("the language model is not started")
        for again in (False, True):
            received, wait_s = False, 0.0
            try:
                async with self._client.stream("POST", "/chat/completions", json=body) as response:
                    await self._check(response)
                    decoder = SseDecoder()
                    async for chunk in response.aiter_bytes():
                        received = True
                        for data in decoder.feed(chunk):
                            yield data
                    return
            except BusyError as busy:
                if again or busy.retry_after_s is None or busy.retry_after_s > self._retry_after_s:
                    raise
                wait_s = busy.retry_after_s
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                if again or received:
                    raise self._broken(error) from error
            except httpx.HTTPError as error:
                raise self._broken(error) from error
            await asyncio.sleep(wait_s)

    async def _check(self, response: "httpx.Response") -> None:
        kind = response.headers.get("content-type", "")
        if response.status_code == 200 and kind.startswith("text/event-stream"):
            return
        body = b""
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MOST_ERROR_BYTES:
                break
        if response.status_code == 200:
            raise EngineError(
                f"{self._service.name} at {self._service.url} answers with {kind or 'something'} instead of a stream: "
                f"{said(self._service, body)} ({self._service.url_setting})",
                retryable=True,
            )
        retry_after = response.headers.get("retry-after")
        raise refusal(self._service, self._model, response.status_code, body, retry_after)

    def _read(self, data: str) -> _Piece:
        """What is in one event."""
        try:
            event = json.loads(data)
            if event.get("error"):
                told = said(self._service, data.encode())
                raise EngineError(f"{self._service.name} failed in the middle of its reply: {told}", retryable=True)
            choices, usage = event.get("choices"), prompt_usage(event)
            if not choices:
                return _Piece(usage=usage)
            delta = choices[0].get("delta") or {}
            text, calls = delta.get("content") or "", delta.get("tool_calls")
            reason = choices[0].get("finish_reason")
        except (ValueError, AttributeError, TypeError, LookupError):
            raise EngineError(
                f"{self._service.name} sent something that is no part of a reply: {data[:80]!r}", retryable=True
            ) from None
        if not isinstance(text, str):
            raise EngineError(f"{self._service.name} sent a reply that is no text", retryable=True)
        return _Piece(text, calls, None if reason is None else "length" if reason == "length" else "stop", usage)

    def _broken(self, error: "httpx.HTTPError") -> EngineError:
        import httpx

        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return EngineError(
                f"{self._service.name} cannot be reached at {self._service.url} ({error or type(error).__name__}); "
                f"is {self._service.url_setting} right, and the server running?",
                retryable=True,
            )
        return EngineError(
            f"the connection to {self._service.name} at {self._service.url} broke ({error or type(error).__name__})",
            retryable=True,
        )


def _counted(data: str) -> Usage | None:
    """What an event behind the end of a reply says of its prompt; whatever else it may be is no matter any more."""
    try:
        event = json.loads(data)
    except ValueError:
        return None
    return prompt_usage(event) if isinstance(event, dict) else None


def _inputs(model: dict[str, Any]) -> list[Any]:
    """The kinds of input a listed model takes, as OpenRouter tells; nothing where a server does not."""
    architecture = model.get("architecture")
    kinds = architecture.get("input_modalities") if isinstance(architecture, dict) else None
    return kinds if isinstance(kinds, list) else []
