"""What the language model is shown: the persona, then the conversation so far, then what was just said."""

from collections.abc import Callable
from dataclasses import dataclass

from processors.floor import Heard
from processors.language.engines import Message

_CHARS_PER_TOKEN = 3.5
"""A low estimate for English text with common tokenizers; needs no download."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The stable beginning of every request."""

    system: str
    examples: tuple[Message, ...] = ()


class Conversation:
    """The spoken exchange of one room, as far as it was really heard.

    Old messages are dropped half the history at a time: dropping one a turn would change the beginning of every
    request, and the engine could reuse none of what it has read.
    """

    def __init__(
        self,
        prompt: Prompt,
        *,
        most_messages: int,
        most_tokens: int,
        name_of: Callable[[str], str] = str,
    ) -> None:
        self._prompt = prompt
        self._most_messages = most_messages
        self._most_chars = int(most_tokens * _CHARS_PER_TOKEN)
        self._name_of = name_of
        self._history: list[Message] = []
        self._speakers: set[str] = set()

    @property
    def prefix(self) -> list[Message]:
        """The part that is the same in every request."""
        return [Message("system", self._prompt.system), *self._prompt.examples]

    @property
    def history(self) -> tuple[Message, ...]:
        """What was said and heard so far, oldest first."""
        return tuple(self._history)

    def request(self, heard: tuple[Heard, ...]) -> list[Message]:
        """The messages that ask for a reply to `heard`."""
        return [*self.prefix, *self._history, Message("user", self._quote(heard))]

    def add(self, heard: tuple[Heard, ...], spoken: str) -> None:
        """Remember an exchange: what was said to the bot, and the words of its reply that were really played."""
        self._history.append(Message("user", self._quote(heard)))
        self._history.append(Message("assistant", spoken))
        if self._too_long():
            del self._history[: len(self._history) // 4 * 2 or 2]

    def clear(self) -> None:
        """Forget all that was said."""
        self._history.clear()
        self._speakers.clear()

    def _too_long(self) -> bool:
        chars = sum(len(message.content) for message in (*self.prefix, *self._history))
        return len(self._history) > self._most_messages or chars > self._most_chars

    def _quote(self, heard: tuple[Heard, ...]) -> str:
        self._speakers |= {one.speaker for one in heard}
        if len(self._speakers) == 1:
            return " ".join(one.text for one in heard)
        return "\n".join(f"{self._name_of(one.speaker)}: {one.text}" for one in heard)
