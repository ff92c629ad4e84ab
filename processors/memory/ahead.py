"""Looking something up for a reply while its question is still being spoken."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from processors.floor import Heard
from processors.memory.words import share_of, telling_words

T = TypeVar("T")

_ENOUGH = 0.6
"""Of the telling words of a question, what its beginning must have had for what was found then to serve."""


class Ahead(Generic[T]):
    """One room's look-ups of one kind, one at a time. `begin` as soon as words are known, `get` when a reply begins."""

    def __init__(self, look_up: Callable[[tuple[Heard, ...]], Coroutine[Any, Any, T]], nothing: T) -> None:
        """
        Args:
            look_up: finds what matters for what was heard, by its own deadline; raises nothing.
            nothing: what is found for words that say nothing.
        """
        self._look_up = look_up
        self._nothing = nothing
        self._looking: asyncio.Task[T] | None = None
        self._for: tuple[Heard, ...] = ()

    def begin(self, heard: tuple[Heard, ...]) -> None:
        """Begin to look up what matters for `heard`, unless that is under way."""
        if not telling_words(_text(heard)) or self._serves(heard):
            return
        self.stop()
        self._for = heard
        self._looking = asyncio.create_task(self._look_up(heard), name="look up ahead")

    async def get(self, heard: tuple[Heard, ...]) -> T:
        """What matters for answering `heard`."""
        self.begin(heard)
        if self._looking is None or not telling_words(_text(heard)):
            return self._nothing
        looking = self._looking
        # Not awaited itself: another attempt may want the same, and one that is given up must not end the reply.
        await asyncio.wait({looking})
        return self._nothing if looking.cancelled() else looking.result()

    def stop(self) -> None:
        """Forget what was being looked up."""
        looking, self._looking, self._for = self._looking, None, ()
        if looking:
            looking.cancel()

    async def close(self) -> None:
        """Stop, and wait for it."""
        looking = self._looking
        self.stop()
        if looking:
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    def _serves(self, heard: tuple[Heard, ...]) -> bool:
        """Whether what was looked up for the beginning of these words will do for all of them."""
        if self._looking is None or not {one.speaker for one in heard} <= {one.speaker for one in self._for}:
            return False
        return share_of(telling_words(_text(heard)), _text(self._for)) >= _ENOUGH


def _text(heard: tuple[Heard, ...]) -> str:
    return " ".join(one.text for one in heard)
