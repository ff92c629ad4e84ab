"""`LLM_PROVIDER=ollama`: an Ollama server, by its own protocol. The OpenAI-shaped one it also speaks takes neither
the length of the context nor how long the model is kept."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from loguru import logger

from processors.errors import EngineError, SettingError
from processors.lanes import Priority
from processors.language.engines import Delta, Message, Usage, context_within
from processors.language.errors import BusyError, asked_wait_s
from processors.language.settings import OllamaSettings, Sampling
from processors.language.thoughts import ThinkStripper
from processors.language.tool_calls import Tool, ToolCall, ToolOffer, described
from processors.language.waiting import drain, outside_work, patiently, read_ahead

if TYPE_CHECKING:
    import httpx
    import ollama

_CONNECT_S = 5.0
_IDLE_S = 300.0
_MOST_LISTED = 5
_USUAL_CONTEXT = 4096
"""Tokens: what Ollama allots by itself."""
_PULL_SILENCE_S = 300.0
"""Longest silence of a server that fetches a model; it checks gigabytes at the end without a word."""


class OllamaLlm:
    """Streams from one model of the server. A cancelled reply closes its connection, at which the server stops."""

    def __init__(self, settings: OllamaSettings, *, context_tokens: int, timeout_s: float) -> None:
        """
        Args:
            context_tokens: what the server is to allot, as far as the model takes it; 0 for what its model file says.

        Raises:
            SettingError: the model's name is empty.
        """
        if not settings.model.strip():
            raise SettingError("OLLAMA_MODEL is empty; it must name a model of ollama.com/library")
        self._settings = settings
        self._allowed_tokens = context_tokens
        self._context_tokens = context_tokens
        self._timeout_s = timeout_s
        self._think: bool | None = None
        self._sees = False
        self._offer = ToolOffer()
        self._client: ollama.AsyncClient | None = None

    @property
    def sees(self) -> bool:
        return self._sees

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    async def start(self) -> None:
        """Check that the server is there, have it fetch the model if it lacks it, and load it into memory.

        Raises:
            SettingError: the address cannot be one, or the server lacks the model, or the model cannot chat.
            EngineError: the server cannot be reached, or cannot fetch or load the model.
        """
        if self._client is None:
            self._client = self._connect()
        with self._explained():
            listed = await self._within(self._timeout_s, self._client.list())
        names = [model.model for model in listed.models if model.model]
        if _full(self._settings.model) not in map(_full, names):
            await self._pull(names)
        with self._explained():
            shown = await self._within(self._timeout_s, self._client.show(self._settings.model))
        abilities = shown.capabilities or ["completion"]
        if "completion" not in abilities:
            raise SettingError(
                f"OLLAMA_MODEL is {self._settings.model!r}, which cannot chat; it can: {', '.join(abilities)}"
            )
        # Thoughts cost the turn's first seconds and are never spoken.
        self._think = False if "thinking" in abilities else None
        self._sees = "vision" in abilities
        if "tools" not in abilities:
            self._offer.model_calls_none(f"OLLAMA_MODEL={self._settings.model}")
        self._context_tokens = context_within(
            _trained(shown.modelinfo),
            self._allowed_tokens,
            f"OLLAMA_MODEL={self._settings.model}",
            usual=_allotted(shown.parameters) or _USUAL_CONTEXT,
        )
        await self._load()
        logger.info(
            "language model ready: {} at {}, context of {} tokens",
            self._settings.model,
            self._settings.host,
            self._context_tokens,
        )

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
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
        stripper, finish, called, usage = ThinkStripper(), None, 0, None
        parts = self._parts(messages, sampling, self._offer.to_be_told(tools))
        async with contextlib.aclosing(patiently(parts, self._timeout_s)) as parts:
            async for part in parts:
                text, calls = stripper.feed(part.message.content or ""), _calls(part.message.tool_calls, called)
                called += len(calls)
                if text or calls:
                    yield Delta(text, calls=calls)
                if part.done:
                    finish = "length" if part.done_reason == "length" else "stop"
                    # How much of it the server still knew is not told.
                    usage = Usage(part.prompt_eval_count) if part.prompt_eval_count else None
                    break
            else:
                raise EngineError("Ollama broke off in the middle of its reply", retryable=True)
            yield Delta(stripper.end(), "tools" if called else finish, usage)
            await drain(parts)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _connect(self) -> "ollama.AsyncClient":
        import httpx
        import ollama

        try:
            return ollama.AsyncClient(
                self._settings.host,
                # How long the next token may take is `patiently`'s business.
                timeout=httpx.Timeout(None, connect=_CONNECT_S),
                limits=httpx.Limits(keepalive_expiry=_IDLE_S),
                event_hooks={"response": [self._refuse_if_busy]},
            )
        except (ValueError, httpx.InvalidURL) as error:
            raise SettingError(
                f"OLLAMA_HOST is {self._settings.host!r}; it must be an address: http://127.0.0.1:11434 ({error})"
            ) from None

    async def _refuse_if_busy(self, response: "httpx.Response") -> None:
        """Here, because the client keeps no headers of a refusal.

        Raises:
            BusyError: the server takes no more requests for now.
        """
        if response.status_code not in (429, 503):
            return
        told = " ".join((await response.aread()).decode(errors="replace").split())[:200]
        wait_s = asked_wait_s(response.headers.get("retry-after"))
        wait = "" if wait_s is None else f", for {wait_s:g} s"
        raise BusyError(
            f"the Ollama server at {self._settings.host} takes no more requests{wait} ({told})", retry_after_s=wait_s
        )

    async def _pull(self, names: list[str]) -> None:
        assert self._client is not None
        model = self._settings.model
        some = ", ".join(names[:_MOST_LISTED]) + (", ..." if len(names) > _MOST_LISTED else "")
        if not self._settings.pull:
            raise SettingError(
                f"OLLAMA_MODEL is {model!r}, which the server at {self._settings.host} does not have (it has: "
                f"{some or 'none'}); run `ollama pull {model}`, or set LANGUAGE_OLLAMA_PULL=true"
            )
        logger.warning("the Ollama server does not have {}; it fetches it now, which may take minutes", model)
        shown = -1
        with self._explained():
            steps = await self._client.pull(model, stream=True)
            async with contextlib.aclosing(patiently(_whole(steps), _PULL_SILENCE_S)) as progress:
                async for step in progress:
                    tenth = 10 * (step.completed or 0) // step.total if step.total else shown
                    if tenth > shown:
                        shown = tenth
                        logger.info("fetching {}: {} of {} MB", model, (step.completed or 0) >> 20, step.total >> 20)
        logger.info("fetched {}", model)

    async def _load(self) -> None:
        """A request without messages has the server load the model, with the context that all further ones ask for."""
        assert self._client is not None
        with self._explained():
            await self._within(
                self._settings.load_timeout_s,
                self._client.chat(
                    self._settings.model,
                    messages=[],
                    options={"num_ctx": self._context_tokens},
                    keep_alive=_keep_alive(self._settings.keep_alive),
                ),
                "LANGUAGE_OLLAMA_LOAD_TIMEOUT_S",
            )

    async def _parts(
        self, messages: Sequence[Message], sampling: Sampling, tools: Sequence[Tool]
    ) -> "AsyncGenerator[ollama.ChatResponse, None]":
        if self._client is None:
            raise EngineError("the language model is not started")
        options: dict[str, Any] = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "repeat_penalty": sampling.repeat_penalty,
            "num_predict": sampling.max_tokens,
            "num_ctx": self._context_tokens,
        }
        if sampling.seed >= 0:
            options["seed"] = sampling.seed
        with self._explained():
            parts = await self._client.chat(
                self._settings.model,
                messages=[_sent(message) for message in messages],
                tools=described(tools) or None,
                stream=True,
                think=self._think,
                options=options,
                keep_alive=_keep_alive(self._settings.keep_alive),
            )
            async with contextlib.aclosing(_whole(parts)) as whole:
                async for part in whole:
                    yield part

    async def _within(self, seconds: float, request: Any, setting: str = "LANGUAGE_TIMEOUT_S") -> Any:
        try:
            with outside_work():
                async with asyncio.timeout(seconds):
                    return await request
        except TimeoutError:
            raise EngineError(
                f"the Ollama server at {self._settings.host} gave no answer within {seconds:g} s "
                f"(OLLAMA_HOST, {setting})",
                retryable=True,
            ) from None

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the client raises into what the user can do about it."""
        import httpx
        import ollama

        host, model = self._settings.host, self._settings.model
        try:
            yield
        except ollama.ResponseError as error:
            raise _refusal(error.error, error.status_code, host, model) from error
        except (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise EngineError(
                f"the Ollama server cannot be reached at {host}; is `ollama serve` running there? (OLLAMA_HOST)",
                retryable=True,
            ) from error
        except httpx.HTTPError as error:
            raise EngineError(
                f"the connection to the Ollama server at {host} broke ({error or type(error).__name__})", retryable=True
            ) from error
        except (ValueError, TypeError, AttributeError) as error:
            # What the client raises for lines that are no JSON, or not the JSON it knows.
            raise EngineError(
                f"what answers at {host} does not speak Ollama's protocol, or broke off in the middle of a line "
                f"({type(error).__name__}); is OLLAMA_HOST right?",
                retryable=True,
            ) from error


def _trained(info: Mapping[str, Any] | None) -> int:
    """The context (tokens) a model was made for; 0 if the server does not say."""
    # Named by the architecture: llama.context_length.
    found = (value for key, value in (info or {}).items() if key.count(".") == 1 and key.endswith(".context_length"))
    return next((value for value in found if isinstance(value, int) and value > 0), 0)


def _allotted(parameters: str | None) -> int:
    """The context (tokens) that a model's file has the server allot; 0 if it does not say."""
    lines = (line.split() for line in (parameters or "").splitlines())
    return next((int(words[1]) for words in lines if words[:1] == ["num_ctx"] and words[1:2] and words[1].isdigit()), 0)


def _sent(message: Message) -> dict[str, Any]:
    """A message as Ollama has it: a tool's outcome carries the tool's name."""
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.pictures:
        sent["images"] = [picture.base64 for picture in message.pictures]
    if message.calls:
        sent["tool_calls"] = [
            {"function": {"name": call.name, "arguments": dict(call.arguments)}} for call in message.calls
        ]
    if message.answers:
        sent["tool_name"] = message.answers.name
    return sent


def _calls(given: "Sequence[ollama.Message.ToolCall] | None", before: int) -> tuple[ToolCall, ...]:
    """Calls as they come, whole. Ollama has no ids for them: they are counted."""
    return tuple(
        ToolCall(f"call-{before + position}", call.function.name, dict(call.function.arguments))
        for position, call in enumerate(given or (), 1)
    )


async def _whole(parts: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """The client's stream as a generator that can be closed."""
    try:
        async for part in parts:
            yield part
    finally:
        if isinstance(parts, AsyncGenerator):
            await parts.aclose()


def _refusal(told: str, status: int, host: str, model: str) -> EngineError:
    told = " ".join(str(told).split())[:200]
    match status:
        case 404:
            return EngineError(f"OLLAMA_MODEL is {model!r}, which the server at {host} does not have ({told})")
        case 401 | 403:
            return EngineError(
                f"the Ollama server at {host} refuses the request ({told}); set OLLAMA_API_KEY if it wants a key"
            )
        case -1 if "does not exist" in told:
            return EngineError(f"OLLAMA_MODEL is {model!r}, which ollama.com/library does not have ({told})")
        case _:
            retryable = status >= 500 or status == -1
            return EngineError(f"Ollama failed with {model} ({told}) (OLLAMA_MODEL)", retryable=retryable)


def _full(name: str) -> str:
    """A model's name with its tag: `llama3.2` is `llama3.2:latest`."""
    return (name if ":" in name.rpartition("/")[2] else f"{name}:latest").casefold()


def _keep_alive(value: str) -> str | float:
    """Ollama takes bare numbers as JSON numbers only."""
    return int(value) if value.lstrip("-").isdigit() else value
