"""The meanings of summaries, on shelves of their own beside those of the messages."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable

from processors.memory.search import shelf
from processors.memory.side_work import keep_at
from processors.memory.store import Store
from processors.memory.vectors import Meaning
from processors.memory.writer import Statement

_AT_ONCE = 16
_LOOK_S = 10.0
_RETRY_S = 60.0

RELEARN = (Statement("UPDATE summaries SET shelf = ''"), Statement("DELETE FROM summaries_gone"))
"""The index of meanings has been lost: learn every summary's anew."""


def summary_shelf(scope: str, persona_id: str, where: str) -> str:
    """Where the meanings of summaries are kept that the same people may be told: of a server, a place or a person."""
    return shelf(scope, persona_id, where, of="s")


class SummaryMeanings:
    """Follows the summaries of the store. Each keeps the name of its shelf once its meaning lies there."""

    def __init__(self, store: Store, meaning: Callable[[], Meaning | None]) -> None:
        """`meaning` is None as long as there is no search by meaning."""
        self._store = store
        self._meaning = meaning

    async def run(self) -> None:
        """Index what comes and drop what goes, until cancelled."""
        await keep_at(self.step, "summaries are not indexed", look_s=_LOOK_S, retry_s=_RETRY_S)

    async def step(self) -> bool:
        """Deal with the next ones; False when there are none."""
        meaning = self._meaning()
        if meaning is None:
            return False
        gone = await self._store.read("SELECT id, shelf FROM summaries_gone LIMIT 100")
        for name, ids in _grouped((row["shelf"], row["id"]) for row in gone).items():
            await meaning.vectors.remove(name, ids)
        rows = await self._store.read("SELECT * FROM summaries WHERE shelf = '' ORDER BY id LIMIT ?", (_AT_ONCE,))
        if not (gone or rows):
            return False
        meanings = await meaning.embedder.embed([row["text"] for row in rows])
        for name, places in _grouped((_shelf_of(row), place) for place, row in enumerate(rows)).items():
            await meaning.vectors.add(name, [rows[place]["id"] for place in places], meanings[places])
        self._store.write(
            Statement("DELETE FROM summaries_gone WHERE id = ?", tuple((row["id"],) for row in gone)),
            Statement(
                "UPDATE summaries SET shelf = ? WHERE id = ?", tuple((_shelf_of(row), row["id"]) for row in rows)
            ),
        )
        await self._store.settle()
        return True


def _shelf_of(row: sqlite3.Row) -> str:
    person = row["person"] or next(iter(json.loads(row["people"])), "")
    where = {"open": row["guild"], "restricted": row["place"], "private": person}[row["scope"]]
    return summary_shelf(row["scope"], row["persona"], where)


def _grouped(pairs: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for name, item in pairs:
        groups[name].append(item)
    return groups
