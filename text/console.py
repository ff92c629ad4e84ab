"""A character in the terminal, answered by the same text worker as on Discord.

On a terminal a line is read with editing and history, and nothing that is typed is shown while an answer streams: it
is kept and stands in the next line. From a pipe, every line is one message, and only answers are written.
"""

import contextlib
import itertools
import sys
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TextIO

from processors.errors import EngineError
from processors.events import TextMessage
from processors.memory import Exchange, Memory, Scene, SceneKind, Utterance
from text.client import TextClient
from text.prompt import TextPrompt

_USER_ID = "console"

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

    line: TextClient
    memory: Memory
    user: str
    """What the person is called."""
    character: str
    """Id of who answers."""
    out: TextIO = field(default_factory=lambda: sys.stdout)
    scene: Scene = field(default_factory=lambda: _new_scene())
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def open(self, name: str, greeting: str) -> None:
        """Have the character begin the conversation, as cards ask; `name` is the character's."""
        said = Utterance(self.character, name, greeting, time.time(), by_character=True)
        self.memory.note(Exchange(self.scene, self.character, (), said))
        self._write(f"{name}: {printable(greeting)}\n")

    async def handle(self, line: str) -> After:
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
                self._write(await self._history())
            case ["/clear"]:
                self.scene = _new_scene()
                self._write("(a new conversation)\n")
            case [word, *_] if word.startswith("/"):
                self._write(f"There is no command {printable(word)}; /help lists them.\n")
            case _:
                return After.ANSWER
        return After.NEXT

    async def answer(self, line: str) -> None:
        """Stream the answer to `line`. Cancelled, it stops, and what was shown is remembered.

        Raises:
            EngineError: the language model failed.
        """
        message = TextMessage(
            source=self.line.name,
            key=f"{self.scene.id}-{next(self._numbers)}",
            scene=self.scene,
            written=Utterance(_USER_ID, self.user, line.strip(), time.time()),
            characters=(self.character,),
        )
        shown = ""
        try:
            async with contextlib.aclosing(self.line.ask(message)) as replies:
                async for reply in replies:
                    piece = printable(reply.text)
                    shown += piece
                    self._write(piece)
                    if reply.done and (reply.error or reply.trouble):
                        raise EngineError(reply.error or reply.trouble)
                    if reply.done and not reply.whole.startswith(shown.rstrip()):
                        # Its last sentence was cut off by the limit: it is on the screen already.
                        self._write(" …")
        finally:
            self._write("\n")

    async def _history(self) -> str:
        said = await self.memory.history(self.scene)
        return "".join(f"{one.name}: {printable(one.text)}\n" for one in said) or "(nothing yet)\n"

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()


def printable(text: str) -> str:
    """`text` without control characters: what a model writes must not drive the terminal. Line breaks stay."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")


def show_prompt(prompt: TextPrompt) -> str:
    """A request as it goes to the language model, for reading: what it consists of, how long that is, and all of it."""
    tokens = sum(part.tokens for part in prompt.parts)
    sizes = "".join(f"|   {part.name:<10} {part.tokens:>5} tokens\n" for part in prompt.parts)
    body = "".join(f"| {m.role}: " + printable(m.content).replace("\n", "\n|   ") + "\n" for m in prompt.messages)
    return f"+-- prompt, {len(prompt.messages)} messages, about {tokens} tokens\n{sizes}{body}+--\n"


def _new_scene() -> Scene:
    return Scene(SceneKind.CONSOLE, f"console-{time.time_ns()}")


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
