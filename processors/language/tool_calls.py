"""Tools a language model may call, and calls put together from the pieces that a stream brings.

The models write the arguments of a call as JSON, token by token. A call is handed on when it is whole: when the next
one begins, or when the reply ends.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loguru import logger

from processors.errors import EngineError

if TYPE_CHECKING:
    from processors.language.engines import Message

_MOST_CALLS = 16
_MOST_CHARS = 1 << 16
"""Of one call's arguments."""
_MOST_NAME_CHARS = 64


@dataclass(frozen=True, slots=True)
class Tool:
    """Something a language model may ask to have done."""

    name: str
    """Letters, digits, `_` and `-`."""
    description: str
    """What it does and when to use it, for the model."""
    parameters: Mapping[str, Any]
    """JSON Schema of its arguments: an object."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a language model asks to have done. Its words are a stranger's: check them before anything is done."""

    id: str
    """Tells the calls of one reply apart."""
    name: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class _Open:
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class CallAssembler:
    """Puts the calls of one reply together from OpenAI-shaped fragments: `{index, id, function: {name, arguments}}`."""

    server: str
    """For messages."""
    _open: _Open | None = field(default=None, init=False)
    _index: int = field(default=-1, init=False)
    _count: int = field(default=0, init=False)

    @property
    def begun(self) -> bool:
        """Whether a call has come, or a part of one."""
        return self._count > 0

    def feed(self, fragments: Any) -> tuple[ToolCall, ...]:
        """The calls that are whole now that `fragments` have come.

        Raises:
            EngineError: the fragments, or the arguments of a call that has ended, are malformed or too long.
        """
        whole: list[ToolCall] = []
        try:
            for fragment in fragments or ():
                function = fragment.get("function") or {}
                given_id, name = fragment.get("id") or "", function.get("name") or ""
                if self._begins_another(fragment.get("index"), given_id, name):
                    whole += self._close()
                    self._count += 1
                    self._open = _Open(given_id or f"call-{self._count}", name[:_MOST_NAME_CHARS])
                assert self._open is not None
                arguments = function.get("arguments") or ""
                # Some servers send them as the object they mean.
                self._open.arguments += arguments if isinstance(arguments, str) else json.dumps(arguments)
                if len(self._open.arguments) > _MOST_CHARS or self._count > _MOST_CALLS:
                    raise EngineError(f"{self.server} sent a tool call without end", retryable=True)
        except (AttributeError, TypeError):
            raise EngineError(f"{self.server} sent a tool call that is none", retryable=True) from None
        return tuple(whole)

    def end(self, *, cut_short: bool) -> tuple[ToolCall, ...]:
        """The last call, now that the reply is over.

        Args:
            cut_short: the token limit ended the reply.

        Raises:
            EngineError: its arguments are malformed.
        """
        return tuple(self._close(cut_short=cut_short))

    def _begins_another(self, index: Any, given_id: str, name: str) -> bool:
        if self._open is None:
            begins = True
        elif isinstance(index, int):
            begins = index != self._index
        else:
            # Without an index a call is told from the next by what only its first fragment has.
            begins = bool(name) and (given_id != self._open.id)
        self._index = index if isinstance(index, int) else self._index
        return begins

    def _close(self, *, cut_short: bool = False) -> list[ToolCall]:
        call, self._open = self._open, None
        if call is None:
            return []
        try:
            arguments = json.loads(call.arguments or "{}")
        except (ValueError, RecursionError):
            arguments = None
        if call.name and isinstance(arguments, dict):
            return [ToolCall(call.id, call.name, arguments)]
        # Neither the arguments nor what is said about them in the library's error: they are the conversation's.
        if cut_short:
            why = "and ran into the token limit in the middle of it (LANGUAGE_SAMPLING_MAX_TOKENS)"
        else:
            why = "with arguments that are no JSON object" if call.name else "without a name"
        raise EngineError(f"{self.server}: the model called the tool {call.name!r} {why}", retryable=True)


class ToolOffer:
    """Which tools a model is told of: none if it is known to call none, and that is said once."""

    def __init__(self) -> None:
        self._cannot = ""
        self._warned = False

    def model_calls_none(self, model: str) -> None:
        """The model, named as its setting does, cannot call tools."""
        self._cannot = model

    def to_be_told(self, tools: Sequence[Tool]) -> Sequence[Tool]:
        """`tools`, or nothing."""
        if not self._cannot:
            return tools
        if tools and not self._warned:
            self._warned = True
            logger.warning("{} cannot call tools; it answers without them", self._cannot)
        return ()


def described(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Tools as OpenAI, Ollama and llama.cpp want to be told of them."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
        }
        for tool in tools
    ]


def openai_message(message: "Message") -> dict[str, Any]:
    """A message as OpenAI's chat completions have it."""
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.pictures:
        shown = [f"data:{picture.media_type};base64,{picture.base64}" for picture in message.pictures]
        sent["content"] = [
            {"type": "text", "text": message.content},
            *({"type": "image_url", "image_url": {"url": url}} for url in shown),
        ]
    if message.calls:
        sent["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
            }
            for call in message.calls
        ]
    if message.answers:
        sent["tool_call_id"] = message.answers.id
    return sent
