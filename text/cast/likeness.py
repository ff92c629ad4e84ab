"""Lore that was meant and not named: entries whose meaning is near to what was just said.

An entry allows it with SillyTavern's `vectorized`. The meanings of a character's entries are learned once, beside the
talk, when it is first spoken with; an answer waits for the comparison no longer than for anything else it recalls.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence

from loguru import logger

from personas.lorebooks import Lorebook, alike, entries_by_meaning
from processors.errors import EngineError
from processors.lanes import Priority
from processors.memory.embedding import Embedder

_MOST_ENTRIES = 128
"""Of a character, that are compared: 3 ms of the event loop."""
_MOST_KEPT = 1024
"""Meanings of all characters (12 KB each)."""


class LoreLikeness:
    """Compares what is said with the lore of whoever is spoken with."""

    def __init__(self, embedder: Callable[[], Embedder | None], *, floor: float, deadline_s: float) -> None:
        """
        Args:
            embedder: gives what turns texts into meanings, None while there is nothing that does.
            floor: how near (cosine) an entry must be; 0 to look for none.
            deadline_s: how long an answer may wait.
        """
        self._embedder = embedder
        self._floor = floor
        self._deadline_s = deadline_s
        self._kept: OrderedDict[str, tuple[float, ...]] = OrderedDict()
        self._learning: asyncio.Task[None] | None = None

    async def find(self, books: Sequence[Lorebook], text: str) -> tuple[str, ...]:
        """Ids of the entries nearest to `text`; none if that is not known in time."""
        embedder = self._embedder()
        entries = entries_by_meaning(books)[:_MOST_ENTRIES] if self._floor and embedder and text.strip() else ()
        if not embedder or not entries:
            return ()
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._learn(embedder, [entry.content for entry in entries])
                said = (await embedder.embed([text], priority=Priority.LIVE))[0]
        except TimeoutError:
            return ()
        except EngineError as error:
            logger.warning("no lore is found by its meaning: {}", error)
            return ()
        kept = {entry.id: self._kept[entry.content] for entry in entries if entry.content in self._kept}
        return alike(said.tolist(), kept, self._floor)

    async def close(self) -> None:
        """Stop learning."""
        if self._learning:
            self._learning.cancel()
            await asyncio.gather(self._learning, return_exceptions=True)

    async def _learn(self, embedder: Embedder, texts: Sequence[str]) -> None:
        """Have the meanings of `texts` at hand. Given up, it goes on in the background and serves a later answer."""
        for text in texts:
            if text in self._kept:
                self._kept.move_to_end(text)
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if new and (self._learning is None or self._learning.done()):
            self._learning = asyncio.create_task(self._embed(embedder, new), name="lore by meaning")
        if new and self._learning:
            await asyncio.wait({self._learning})

    async def _embed(self, embedder: Embedder, texts: Sequence[str]) -> None:
        try:
            meanings = await embedder.embed(texts)
        except EngineError as error:
            logger.warning("lore cannot be found by its meaning: {}", error)
            return
        self._kept.update((text, tuple(row.tolist())) for text, row in zip(texts, meanings, strict=True))
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
