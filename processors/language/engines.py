"""Language model engines: what they promise, and the registry that makes them by name."""

import base64
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from loguru import logger

from processors.errors import SettingError
from processors.lanes import Priority
from processors.language.tool_calls import Tool, ToolCall

if TYPE_CHECKING:
    from processors.language.chain import ModelRef
    from processors.language.settings import LanguageSettings, Sampling
    from processors.models import ModelStore

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tools"]

UNTOLD_CONTEXT_TOKENS = 4096
"""The context of a model when neither its server nor the settings say: the shortest that is common."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture for a model that sees, small enough to be sent with every request."""

    media_type: str
    """Such as image/jpeg."""
    data: bytes = field(repr=False)
    name: str = ""

    @property
    def base64(self) -> str:
        """Its bytes as JSON carries them."""
        return base64.b64encode(self.data).decode()


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str
    calls: tuple[ToolCall, ...] = ()
    """Of the assistant: what it asked to have done."""
    answers: ToolCall | None = None
    """Of a tool: the call whose outcome `content` is."""
    pictures: tuple[Picture, ...] = ()
    """Shown with it; only to an engine that `sees`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How long a prompt was, as its engine has counted."""

    prompt_tokens: int
    cached_tokens: int | None = None
    """Of them, those that had not to be read: the engine still knew them from an earlier request. None if it does not
    tell."""


@dataclass(slots=True)
class PromptUse:
    """How much of the prompts the engine still knew, since the start."""

    requests: int = 0
    """Those whose engine told."""
    tokens: int = 0
    cached: int = 0

    @property
    def share(self) -> float:
        """Of the tokens of all prompts, those that had not to be read."""
        return self.cached / self.tokens if self.tokens else 0.0

    def note(self, usage: Usage) -> None:
        """One more prompt."""
        if usage.cached_tokens is None:
            return
        self.requests += 1
        self.tokens += usage.prompt_tokens
        self.cached += usage.cached_tokens

    def told(self, usage: Usage) -> str:
        """The prompt of `usage`, and all so far, for the log."""
        if usage.cached_tokens is None:
            return f"prompt of {usage.prompt_tokens} tokens"
        return (
            f"prompt of {usage.prompt_tokens} tokens, {usage.cached_tokens} of them from the cache; "
            f"{self.share:.0%} of {self.requests} prompts"
        )


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed reply."""

    text: str
    finish: Finish | None = None
    """Set on the last piece: `stop` when the model was done, `length` when it ran into `max_tokens`, `tools` when it
    waits for the outcome of its calls."""
    usage: Usage | None = None
    """On the last piece, if the engine tells."""
    calls: tuple[ToolCall, ...] = ()
    """Calls that are whole with this piece."""


class LanguageModel(Protocol):
    """Streams a reply. Closing the stream, or cancelling whoever reads it, stops the model at its next token."""

    async def start(self) -> None:
        """Load and warm up.

        Raises:
            ModelError: its files are missing or corrupt.
            EngineError: it cannot run here.
        """
        ...

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        """Have the model read `messages` ahead, so that a reply to them, or to what begins with them, starts sooner.

        A server that fails to is no error: the reply that follows will tell.

        Args:
            tools: what the reply may call. They stand at the prompt's beginning: read without them, nothing is won.
            room: whose conversation it is. An engine that keeps what it has read keeps it for each room by itself.
        """
        ...

    def stream(
        self,
        messages: Sequence[Message],
        sampling: "Sampling",
        *,
        tools: Sequence[Tool] = (),
        priority: Priority = Priority.LIVE,
        room: str = "",
    ) -> AsyncGenerator[Delta, None]:
        """The reply to `messages`, piece by piece; the last piece has `finish` set.

        Args:
            tools: what it may call. A model known to call none is not told of them, with one warning.

        Raises:
            EngineError: the engine failed, or called a tool with malformed arguments.
        """
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


@runtime_checkable
class Sighted(Protocol):
    """An engine that says whether it can be shown pictures."""

    @property
    def sees(self) -> bool:
        """Whether its model, known once it is started, takes pictures."""
        ...


def can_see(llm: LanguageModel) -> bool:
    """Whether `llm` can be shown pictures."""
    return isinstance(llm, Sighted) and llm.sees


@runtime_checkable
class Bounded(Protocol):
    """An engine that says how much its model takes."""

    @property
    def context_tokens(self) -> int:
        """What a prompt and its reply may have together, known once it is started: what the model takes, or was
        allotted, and no more than the settings allow. 0 if nobody tells."""
        ...


def own_context(llm: LanguageModel) -> int:
    """The context (tokens) that an engine says it has; 0 if it does not."""
    return llm.context_tokens if isinstance(llm, Bounded) else 0


def context_of(llm: LanguageModel | None, most: int) -> int:
    """The tokens that a prompt to `llm` and its reply may have together: `most` (LANGUAGE_CONTEXT_TOKENS) where the
    engine does not say."""
    return (own_context(llm) if llm else 0) or most or UNTOLD_CONTEXT_TOKENS


def context_within(own: int, most: int, model: str, *, usual: int) -> int:
    """The context (tokens) that a model is to have.

    Args:
        own: what it takes; 0 if nobody tells.
        most: what the settings allow; 0 to leave it to us.
        usual: what it has then.
    """
    if own and most > own:
        logger.warning(
            "LANGUAGE_CONTEXT_TOKENS is {}, but {} takes no more than {}: that is what it is shown", most, model, own
        )
    wanted = most or usual
    return min(wanted, own or wanted)


@runtime_checkable
class Paced(Protocol):
    """An engine that says how fast its model reads."""

    @property
    def token_ms(self) -> float:
        """How long (ms) it takes to read a token of a prompt, measured lately; 0 if that is not known."""
        ...


def token_ms_of(llm: LanguageModel) -> float:
    """How long (ms) an engine takes to read a token; 0 if it does not say."""
    return llm.token_ms if isinstance(llm, Paced) else 0.0


def _embedded(settings: "LanguageSettings", store: "ModelStore") -> LanguageModel:
    from processors.language.embedded import EmbeddedLlm

    return EmbeddedLlm(
        store,
        settings.embedded_model,
        context_tokens=settings.context_tokens,
        kept_prompts_mib=settings.embedded_kept_prompts_mib,
        calls=settings.embedded_calls,
        eight_bit=settings.embedded_eight_bit,
    )


def _scripted(settings: "LanguageSettings", store: "ModelStore") -> LanguageModel:
    from processors.language.scripted import ScriptedLlm

    return ScriptedLlm(
        settings.scripted_replies,
        first_token_ms=settings.scripted_first_token_ms,
        per_token_ms=settings.scripted_per_token_ms,
    )


def _ollama(settings: "LanguageSettings", store: "ModelStore") -> LanguageModel:
    from processors.language.ollama_llm import OllamaLlm

    return OllamaLlm(settings.ollama, context_tokens=settings.context_tokens, timeout_s=settings.timeout_s)


def _openrouter(settings: "LanguageSettings", store: "ModelStore") -> LanguageModel:
    from processors.language.openai_llm import OpenAiLlm
    from processors.language.openai_service import openrouter_service

    return OpenAiLlm(
        openrouter_service(settings),
        context_tokens=settings.context_tokens,
        timeout_s=settings.timeout_s,
        retry_after_s=settings.failover.retry_after_s,
    )


def _openai(settings: "LanguageSettings", store: "ModelStore") -> LanguageModel:
    from processors.language.openai_llm import OpenAiLlm
    from processors.language.openai_service import openai_service

    return OpenAiLlm(
        openai_service(settings),
        context_tokens=settings.context_tokens,
        timeout_s=settings.timeout_s,
        retry_after_s=settings.failover.retry_after_s,
    )


LLM_ENGINES: dict[str, Callable[["LanguageSettings", "ModelStore"], LanguageModel]] = {
    "embedded": _embedded,
    "ollama": _ollama,
    "openrouter": _openrouter,
    "openai": _openai,
    "scripted": _scripted,
}


def make_llm(settings: "LanguageSettings", store: "ModelStore") -> LanguageModel:
    """The engine that `LLM_PROVIDER` names, with those of `LANGUAGE_FALLBACKS` behind it and the cache around each.

    Raises:
        SettingError: no engine has a name, or what it needs is not set.
    """
    from processors.language.cache import CachedLlm, ResponseCache
    from processors.language.chain import model_list, temperature_limits
    from processors.language.fallback import Entry, FallbackLlm

    cache = ResponseCache(settings.cache) if settings.cache.enabled else None
    refs = model_list(settings)
    limits = temperature_limits(settings, refs)
    entries: list[Entry] = []
    for position, ref in enumerate(refs):
        bare = make_engine(settings, store, ref, setting="LANGUAGE_FALLBACKS" if position else "LLM_PROVIDER")
        llm = CachedLlm(bare, str(ref), cache) if cache else bare
        entries.append(Entry(str(ref), llm, limits.get(ref), bare))
    if len(entries) == 1 and not limits:
        return entries[0].llm
    return FallbackLlm(entries, settings.failover)


def make_engine(settings: "LanguageSettings", store: "ModelStore", ref: "ModelRef", *, setting: str) -> LanguageModel:
    """One engine with one model.

    Args:
        setting: the setting that names it, for the error.

    Raises:
        SettingError: no engine has that name, or what it needs is not set.
    """
    from processors.language.chain import with_model

    try:
        make = LLM_ENGINES[ref.provider]
    except KeyError:
        names = ", ".join(sorted(LLM_ENGINES))
        raise SettingError(f"{setting} is {ref.provider!r}; it must be one of: {names}") from None
    return make(with_model(settings, ref), store)
