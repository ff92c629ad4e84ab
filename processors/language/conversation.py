"""One conversation of one character, spoken or written: what is asked of the language model in each turn of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from processors.floor import Heard
from processors.language.context import (
    NO_BACKGROUND,
    NO_NOTES,
    Background,
    Notes,
    PromptPart,
    fit_background,
    fit_notes,
    fit_words,
    parts_of,
    system_text,
    user_text,
)
from processors.language.engines import Message, PromptUse, Usage
from processors.language.tokens import TokenCounter

MayStay = Callable[[str], bool]
"""Whether what a speaker (id) says may be known beyond its turn."""


def everybody_may(speaker: str) -> bool:
    """Where nothing is remembered there is nobody to ask: what is said goes with the call."""
    return True


@dataclass(frozen=True, slots=True)
class Prompt:
    """The stable beginning of every request."""

    system: str
    examples: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class _Exchange:
    speakers: frozenset[str]
    messages: tuple[Message, ...]
    tokens: int


class Conversation:
    """The exchange of one room or channel, as far as it was really heard. Its layout is that of `context`.

    Old messages are dropped half the history at a time, and the background changes only then: dropping one a turn
    would change the beginning of every request, and the engine could reuse none of what it has read.
    """

    def __init__(
        self,
        prompt: Prompt,
        *,
        most_messages: int,
        most_tokens: int,
        name_of: Callable[[str], str] = str,
        counter: TokenCounter | None = None,
        may_stay: MayStay = everybody_may,
    ) -> None:
        """
        Args:
            may_stay: whether what a speaker (id) says may be known beyond its turn, asked when the turn is over.
            most_tokens: the room of a whole request; see `context.room_of`.
            counter: what is known of the model's tokens, to be shared by all conversations with it.
        """
        self._prompt = prompt
        self._most_messages = most_messages
        self._room = most_tokens
        self._name_of = name_of
        self._counter = counter or TokenCounter()
        self._may_stay = may_stay
        self._exchanges: list[_Exchange] = []
        self._speakers: set[str] = set()
        self._background = NO_BACKGROUND
        self._known = NO_BACKGROUND
        """What `know` was last told; becomes the background when the history is cut anyway."""
        self._notes_tokens = 0
        """The longest notes so far: as much is kept free of history for the next ones."""
        self._prefix: list[Message] = []
        self._prefix_tokens = 0
        self._settle()
        self.use = PromptUse()

    @property
    def prefix(self) -> list[Message]:
        """The part that is the same in every request."""
        return list(self._prefix)

    def count(self, text: str) -> int:
        """The tokens of a text, as far as is known."""
        return self._counter.count(text)

    @property
    def history(self) -> tuple[Message, ...]:
        """What was said and heard so far, oldest first."""
        return tuple(message for exchange in self._exchanges for message in exchange.messages)

    def know(self, background: Background) -> None:
        """Say what is known of people and earlier times. Until the history is cut the next time, what is new in it
        about people stands among the notes, so that the beginning of the requests stays as it is."""
        self._known = fit_background(background, self._room, self._counter)
        if not self._exchanges:
            self._settle()

    def request(self, heard: tuple[Heard, ...], notes: Notes = NO_NOTES) -> list[Message]:
        """The messages that ask for a reply to `heard`."""
        notes, words = self._last(heard, notes)
        last = Message("user", user_text(notes, words))
        return [*self._prefix, *self._fitting(self._counter.message(last)), last]

    def parts(self, heard: tuple[Heard, ...], notes: Notes = NO_NOTES) -> tuple[PromptPart, ...]:
        """The parts of `request`, for reading."""
        notes, words = self._last(heard, notes)
        history = self._fitting(self._counter.count(user_text(notes, words)))
        prompt = self._prompt
        return parts_of(prompt.system, self._background, prompt.examples, history, notes, words, self._counter)

    def add(self, heard: tuple[Heard, ...], spoken: str, notes: Notes = NO_NOTES) -> None:
        """Remember an exchange: what was said to the bot, and the words of its reply that were really played (empty
        if it only listened). `notes` are those its request was made with; they are not part of the history.

        Of those whose words may not stay nothing is, nor the reply, which may quote them."""
        staying = tuple(one for one in heard if self._may_stay(one.speaker))
        if staying != heard:
            heard, spoken = staying, ""
            if not heard:
                return
        notes, words = self._last(heard, notes)
        if not notes.empty:
            self._notes_tokens = max(self._notes_tokens, self._counter.count(user_text(notes, "")))
        answer = (Message("assistant", spoken),) if spoken else ()
        messages = (Message("user", words), *answer)
        speakers = frozenset(one.speaker for one in heard)
        self._exchanges.append(_Exchange(speakers, messages, self._counter.messages(messages)))
        if self._too_long():
            del self._exchanges[: len(self._exchanges) // 2 or 1]
            self._settle()

    def forget(self, speaker: str) -> int:
        """Drop every exchange that `speaker` had a part in (how many those were), and all that is known of anybody
        until `know` says it again."""
        before = len(self._exchanges)
        self._exchanges = [exchange for exchange in self._exchanges if speaker not in exchange.speakers]
        self._speakers.discard(speaker)
        self._known = NO_BACKGROUND
        self._settle()
        return before - len(self._exchanges)

    def hand_over(self, prompt: Prompt) -> None:
        """Another character has the conversation. What was said to the one before was not said to this one."""
        self._prompt = prompt
        self._known = NO_BACKGROUND
        self.clear()

    def rewrite(self, prompt: Prompt) -> None:
        """The same character goes on with another beginning of its requests; what was said stays."""
        self._prompt = prompt
        self._settle()

    def clear(self) -> None:
        """Forget all that was said."""
        self._exchanges.clear()
        self._speakers.clear()
        self._settle()

    def note_usage(self, request: list[Message], usage: Usage) -> None:
        """What the engine has counted for a request: corrects the estimates and the share it still knew."""
        self._counter.learn(request, usage)
        self.use.note(usage)

    def _settle(self) -> None:
        self._background = self._known
        system = Message("system", system_text(self._prompt.system, self._background))
        self._prefix = [system, *self._prompt.examples]
        self._prefix_tokens = self._counter.messages(self._prefix)

    def _last(self, heard: tuple[Heard, ...], notes: Notes) -> tuple[Notes, str]:
        """The notes and words of a last message, as far as they fit."""
        news = tuple(line for line in self._known.people if line not in self._background.people)
        if news:
            notes = replace(notes, people=(*news, *notes.people))
        words = fit_words(self._quote(heard), self._room, self._counter)
        return fit_notes(notes, self._room, self._counter), words

    def _fitting(self, last_tokens: int) -> list[Message]:
        """The newest exchanges that fit beside a last message. Nearly always all of them: `add` keeps room."""
        left = self._room - self._prefix_tokens - last_tokens
        first = len(self._exchanges)
        while first > 0 and (left := left - self._exchanges[first - 1].tokens) >= 0:
            first -= 1
        return [message for exchange in self._exchanges[first:] for message in exchange.messages]

    def _too_long(self) -> bool:
        messages = sum(len(exchange.messages) for exchange in self._exchanges)
        tokens = sum(exchange.tokens for exchange in self._exchanges)
        taken = self._prefix_tokens + self._notes_tokens + tokens
        return messages > self._most_messages or taken > self._room

    def _quote(self, heard: tuple[Heard, ...]) -> str:
        self._speakers |= {one.speaker for one in heard}
        if len(self._speakers) == 1:
            return " ".join(one.text for one in heard)
        return "\n".join(f"{self._name_of(one.speaker)}: {one.text}" for one in heard)
