"""A reply that is begun before anybody knows that its question is over.

Words are there some 80 ms behind the last sound, while the voice detector takes 150 ms to be sure of a pause. In
between the model may as well write: when the pause is certain and the words are still the same, the reply's first words
are there already. Most drops in level are no ends, so what is begun is bounded: one reply, dropped when other words
come or nobody has asked for it in time.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
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
        self._pieces: asyncio.Queue[Delta | EngineError | None] = asyncio.Queue()
        self._over = asyncio.Event()
        self._giving_up = asyncio.get_running_loop().call_later(_UNASKED_S, self.drop)
        self.task = create_task(self._write(deltas), "write-ahead")

    def answers(self, heard: tuple[Heard, ...]) -> bool:
        """Whether it is, still, a reply to this: to the same words, whatever else is written around them."""
        return _words(heard) == _words(self.heard) and not self._over.is_set()

    def stream(self) -> AsyncGenerator[Delta, None]:
        """What was written so far, then the rest as it comes; closing it stops the model. To be called once: from then
        on it is not given up.

        Raises:
            EngineError: the model failed.
        """
        self._giving_up.cancel()
        return self._read()

    async def unasked(self) -> None:
        """Returns once nobody will ask for it any more."""
        await self._over.wait()

    def drop(self) -> None:
        """Stop the model. Whoever reads the stream finds its end."""
        if not self._over.is_set():
            self._over.set()
            self.task.cancel()
            # One that has not begun yet never will.
            self._pieces.put_nowait(None)

    async def _read(self) -> AsyncGenerator[Delta, None]:
        try:
            while (piece := await self._pieces.get()) is not None:
                if isinstance(piece, EngineError):
                    raise piece
                yield piece
        finally:
            self.drop()

    async def _write(self, deltas: AsyncGenerator[Delta, None]) -> None:
        try:
            async with contextlib.aclosing(deltas):
                async for delta in deltas:
                    self._pieces.put_nowait(delta)
        except EngineError as error:
            # While nobody has asked it is nobody's concern: whoever asks is answered anew.
            self._over.set()
            self._pieces.put_nowait(error)
        finally:
            self._pieces.put_nowait(None)


def _words(heard: tuple[Heard, ...]) -> list[tuple[str, list[str], bool]]:
    """Who said which words, and asked with them. Transcripts of the same words differ in commas and capitals."""
    return [(one.speaker, words_of(one.text), "?" in one.text) for one in heard]
