"""Language model engines: what they promise, and the registry that makes them by name."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from processors.errors import SettingError
from processors.lanes import Priority

if TYPE_CHECKING:
    from processors.language.settings import LanguageSettings, Sampling
    from processors.models import ModelStore

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed reply."""

    text: str
    finish: Finish | None = None
    """Set on the last piece: `stop` when the model was done, `length` when it ran into `max_tokens`."""


class LanguageModel(Protocol):
    """Streams a reply. Closing the stream, or cancelling whoever reads it, stops the model at its next token."""

    async def start(self) -> None:
        """Load and warm up.

        Raises:
            ModelError: its files are missing or corrupt.
            EngineError: it cannot run here.
        """
        ...

    async def prefill(self, messages: Sequence[Message]) -> None:
        """Have the model read `messages` ahead, so that a reply that begins with them starts sooner."""
        ...

    def stream(
        self, messages: Sequence[Message], sampling: "Sampling", *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Delta, None]:
        """The reply to `messages`, piece by piece; the last piece has `finish` set.

        Raises:
            EngineError: the engine failed.
        """
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


def _embedded(settings: "LanguageSettings", store: "ModelStore") -> LanguageModel:
    from processors.language.embedded import EmbeddedLlm

    return EmbeddedLlm(store, settings.embedded_model, context_tokens=settings.context_tokens)


def _scripted(settings: "LanguageSettings", store: "ModelStore") -> LanguageModel:
    from processors.language.scripted import ScriptedLlm

    return ScriptedLlm(
        settings.scripted_replies,
        first_token_ms=settings.scripted_first_token_ms,
        per_token_ms=settings.scripted_per_token_ms,
    )


LLM_ENGINES: dict[str, Callable[["LanguageSettings", "ModelStore"], LanguageModel]] = {
    "embedded": _embedded,
    "scripted": _scripted,
}


def make_llm(settings: "LanguageSettings", store: "ModelStore") -> LanguageModel:
    """The engine that `LLM_PROVIDER` names.

    Raises:
        SettingError: no engine has that name.
    """
    try:
        make = LLM_ENGINES[settings.provider]
    except KeyError:
        names = ", ".join(sorted(LLM_ENGINES))
        raise SettingError(f"LLM_PROVIDER is {settings.provider!r}; it must be one of: {names}") from None
    return make(settings, store)
