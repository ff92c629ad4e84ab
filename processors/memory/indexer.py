"""Keeps the index of meanings abreast of the messages, a few at a time, beside everything else."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable

from processors.memory.embedding import Embedder
from processors.memory.search import shelf_of
from processors.memory.side_work import keep_at
from processors.memory.store import Store
from processors.memory.vectors import Vectors
from processors.memory.words import telling_words

_AT_ONCE = 16
_LOOK_S = 2.0
"""How often new messages are looked for."""
_RETRY_S = 30.0
_STATE = ("index", "messages")


class Indexer:
    """Remembers up to which message it has come, and goes on from there after a restart."""

    def __init__(self, store: Store, embedder: Embedder, vectors: Vectors, most: int) -> None:
        self._store = store
        self._embedder = embedder
        self._vectors = vectors
        self._most = most
        self.upto = 0
        """The last message that was dealt with."""
        self._oldest = 0

    async def run(self) -> None:
        """Index what comes, until cancelled."""
        state = await self._store.state(*_STATE) or {}
        self.upto, self._oldest = state.get("upto", 0), state.get("oldest", 0)
        await keep_at(self.step, "memories are not indexed", look_s=_LOOK_S, retry_s=_RETRY_S)

    async def step(self) -> bool:
        """Index the next messages; False when there are none."""
        first = max(self.upto, await self._newest() - self._most)
        rows = await self._store.read("SELECT * FROM messages WHERE id > ? ORDER BY id LIMIT ?", (first, _AT_ONCE))
        if not rows:
            return False
        worth = [row for row in rows if telling_words(row["text"])]
        meanings = await self._embedder.embed([row["text"] for row in worth])
        for shelf, places in _by_shelf(worth).items():
            await self._vectors.add(shelf, [worth[place]["id"] for place in places], meanings[places])
        self.upto = rows[-1]["id"]
        await self._drop_oldest()
        self._store.put_state(*_STATE, {"upto": self.upto, "oldest": self._oldest})
        return True

    async def forget(self, rows: Iterable[sqlite3.Row]) -> None:
        """Drop the meanings of messages that are about to be deleted. Needs their every column."""
        messages = list(rows)
        for shelf, places in _by_shelf(messages).items():
            await self._vectors.remove(shelf, [messages[place]["id"] for place in places])

    async def rebuild(self) -> None:
        """Forget every meaning and learn those that are left anew, so that no byte of the others stays."""
        await self._vectors.clear()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget how far it has come: the index has been lost."""
        self.upto = self._oldest = 0
        self._store.put_state(*_STATE, {"upto": 0, "oldest": 0})

    async def _newest(self) -> int:
        rows = await self._store.read("SELECT max(id) AS id FROM messages")
        return rows[0]["id"] or 0

    async def _drop_oldest(self) -> None:
        """Keep the number of meanings, and with it the memory they take, bounded."""
        last = self.upto - self._most
        if last - self._oldest < _AT_ONCE:
            return
        sql = "SELECT * FROM messages WHERE id > ? AND id <= ? ORDER BY id LIMIT 1000"
        rows = await self._store.read(sql, (self._oldest, last))
        await self.forget(rows)
        self._oldest = rows[-1]["id"] if rows else last


def _by_shelf(rows: list[sqlite3.Row]) -> dict[str, list[int]]:
    """The places of the rows in their list, by the shelf they belong on."""
    shelves: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        shelves[shelf_of(row)].append(place)
    return shelves
