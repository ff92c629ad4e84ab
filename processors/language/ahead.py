"""A reply that is begun before anybody knows that its question is over.

Words are there some 80 ms behind the last sound, while the voice detector takes 150 ms to be sure of a pause. In
between the model may as well write: when the pause is certain and the words are still the same, the reply's first words
are there already. Most drops in level are no ends, so what is begun is bounded: one reply, dropped when other words
come or nobody has asked for it in time.

A sound in the pause, too short for a word, takes the question back; the same words ask it again some 60 ms later. So a
reply that was asked for and discarded is kept as long as one that nobody has asked for yet.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from processors.endpointing import words_of
from processors.errors import EngineError
from processors.floor import Heard
from processors.language.context import Notes
from processors.language.engines import Delta, Message

_UNASKED_S = 0.3
"""The detector is sure of a pause 250 ms behind the last sound at most, even in noise. Whoever has not paused by then
goes on speaking."""

CreateTask = Callable[[Coroutine[Any, Any, None], str], "asyncio.Task[None]"]


class Ahead:
    """The beginning of one reply, written while nobody has asked for it. At most one reply long."""

    def __init__(
        self,
        heard: tuple[Heard, ...],
        notes: Notes,
        lines: tuple[str, ...],
        request: Sequence[Message],
        deltas: AsyncGenerator[Delta, None],
        create_task: CreateTask,
    ) -> None:
        """
        Args:
            heard: what it answers.
            notes: what the request holds beside that.
            lines: what came to mind, of these.
            request: what the model was asked.
            deltas: its answer.
        """
        self.heard = heard
        self.notes = notes
        self.lines = lines
        self.request = list(request)
        self._written: list[Delta] = []
        self._ended = False
        """No more is written."""
        self._error: EngineError | None = None
        self._news = asyncio.Event()
        self._over = asyncio.Event()
        self._asked = False
        self._giving_up = asyncio.get_running_loop().call_later(_UNASKED_S, self.drop)
        self.task = create_task(self._write(deltas), "write-ahead")

    def answers(self, heard: tuple[Heard, ...]) -> bool:
        """Whether it is, still, a reply to this: to the same words, whatever else is written around them."""
        return _words(heard) == _words(self.heard) and not self._over.is_set()

    def stream(self) -> AsyncGenerator[Delta, None]:
        """What was written so far, then the rest as it comes; closing it stops the model. From then on it is not given
        up. To be called again only when it was spared; usage is told once all the same.

        Raises:
            EngineError: the model failed.
        """
        self._giving_up.cancel()
        self._asked = True
        return self._read()

    def spare(self) -> None:
        """Whoever asked takes it back, and may ask again: the model writes on until it is given up."""
        self._giving_up.cancel()
        self._asked = False
        self._giving_up = asyncio.get_running_loop().call_later(_UNASKED_S, self.drop)

    async def unasked(self) -> None:
        """Returns once nobody will ask for it any more."""
        await self._over.wait()

    def drop(self) -> None:
        """Stop the model. Whoever reads the stream finds its end."""
        self._giving_up.cancel()
        if not self._over.is_set():
            self._over.set()
            self.task.cancel()
            # One that has not begun yet never will.
            self._end()

    async def _read(self) -> AsyncGenerator[Delta, None]:
        at = 0
        try:
            while True:
                while at < len(self._written):
                    piece = self._written[at]
                    if piece.usage:
                        self._written[at] = replace(piece, usage=None)
                    at += 1
                    yield piece
                if self._ended:
                    break
                self._news.clear()
                await self._news.wait()
            if self._error:
                raise self._error
        finally:
            if self._asked and not self._ended:
                self.drop()

    async def _write(self, deltas: AsyncGenerator[Delta, None]) -> None:
        try:
            async with contextlib.aclosing(deltas):
                async for delta in deltas:
                    self._written.append(delta)
                    self._news.set()
        except EngineError as error:
            # While nobody has asked it is nobody's concern: whoever asks is answered anew.
            self._over.set()
            self._error = error
        finally:
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._news.set()


def _words(heard: tuple[Heard, ...]) -> list[tuple[str, list[str], bool]]:
    """Who said which words, and asked with them. Transcripts of the same words differ in commas and capitals."""
    return [(one.speaker, words_of(one.text), "?" in one.text) for one in heard]
