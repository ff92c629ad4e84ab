"""A character in the terminal: the same mind as in a voice channel (character, conversation, language model), in text.

On a terminal a line is read with editing and history, and nothing that is typed is shown while an answer streams: it
is kept and stands in the next line. From a pipe, every line is one message, and only answers are written.
"""

import contextlib
import sys
import unicodedata
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TextIO

from processors.language.conversation import Conversation
from processors.language.engines import LanguageModel, Message
from processors.language.settings import Sampling
from processors.turns import Heard

HELP = """\
/help     this list
/history  what was said so far
/clear    begin anew
/quit     leave (Ctrl-D, or Ctrl-C twice)
Ctrl-C stops an answer. Everything else is said to the character."""


class After(Enum):
    """What a line asks for."""

    ANSWER = auto()
    NEXT = auto()
    """It was a command, or empty: read the next line."""
    QUIT = auto()


@dataclass(slots=True)
class ConsoleChat:
    """One conversation in a terminal. Reads nothing itself: whoever has the lines hands them in."""

    llm: LanguageModel
    conversation: Conversation
    sampling: Sampling
    user: str
    """What the person is called."""
    bot: str
    out: TextIO = field(default_factory=lambda: sys.stdout)
    prompts: TextIO | None = None
    """Where every prompt is shown before its answer; None for nowhere."""

    def handle(self, line: str) -> After:
        """Carry out a line if it is a command.

        A line that only looks like one ("/shrug") is said so, not sent: it is most likely a slip.
        """
        match line.strip().split():
            case []:
                return After.NEXT
            case ["/quit" | "/exit"]:
                return After.QUIT
            case ["/help"]:
                self._write(HELP + "\n")
            case ["/history"]:
                self._write(self._history())
            case ["/clear"]:
                self.conversation.clear()
                self._write("(a new conversation)\n")
            case [word, *_] if word.startswith("/"):
                self._write(f"There is no command {printable(word)}; /help lists them.\n")
            case _:
                return After.ANSWER
        return After.NEXT

    async def answer(self, line: str) -> None:
        """Stream the answer to `line`, and remember both. Cancelled, it remembers what was shown.

        Raises:
            EngineError: the language model failed; nothing is remembered.
        """
        heard = (Heard(self.user, line.strip()),)
        request = self.conversation.request(heard)
        if self.prompts:
            self.prompts.write(show_prompt(request))
            self.prompts.flush()
        shown = ""
        try:
            async with contextlib.aclosing(self._stream(request)) as pieces:
                async for piece in pieces:
                    # Models like to begin with a space or a line break.
                    piece = piece if shown else piece.lstrip()
                    shown += piece
                    self._write(piece)
        except BaseException as error:
            if isinstance(error, Exception):
                shown = ""
            raise
        finally:
            self._write("\n")
            if shown.strip():
                self.conversation.add(heard, shown.strip())

    async def _stream(self, request: list[Message]) -> AsyncGenerator[str, None]:
        async with contextlib.aclosing(self.llm.stream(request, self.sampling)) as deltas:
            async for delta in deltas:
                yield printable(delta.text)
                if delta.finish == "length":
                    yield " …"

    def _history(self) -> str:
        names = {"user": self.user, "assistant": self.bot}
        lines = [f"{names.get(m.role, m.role)}: {printable(m.content)}\n" for m in self.conversation.history]
        return "".join(lines) or "(nothing yet)\n"

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()


def printable(text: str) -> str:
    """`text` without control characters: what a model writes must not drive the terminal. Line breaks stay."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")


def show_prompt(messages: list[Message]) -> str:
    """A request as it goes to the language model, for reading."""
    body = "".join(f"| {m.role}: " + printable(m.content).replace("\n", "\n|   ") + "\n" for m in messages)
    return f"+-- prompt, {len(messages)} messages\n{body}+--\n"


@contextlib.contextmanager
def typing_unseen(terminal: TextIO) -> Iterator[None]:
    """While inside, the terminal keeps what is typed instead of showing it. Nothing on what is no terminal."""
    try:
        import termios
    except ImportError:
        # Windows: what is typed is shown at the next prompt there anyway.
        yield
        return
    if not terminal.isatty():
        yield
        return
    before = termios.tcgetattr(terminal)
    unseen = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(terminal, termios.TCSADRAIN, unseen)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
