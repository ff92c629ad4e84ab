"""What was said earlier, searched by words and by meaning, for those who may be told.

Who may: said in private, only the person themselves, in private; said where not everybody of the server may read, only
in that place, or in private the person themselves; anything else, everybody of the same server.
"""

import asyncio
import hashlib
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from processors.memory.fusion import above_floor, fuse
from processors.memory.history import utterance_of
from processors.memory.port import Scene, Utterance
from processors.memory.store import Store
from processors.memory.vectors import Meaning, Near
from processors.memory.words import match_query, telling_words

_CANDIDATES = 24
_MATCHES = 96
"""Messages that match by their words, of which the asker's own are picked: to search twice would take twice as long."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for, and on whose behalf."""

    scene: Scene
    persona_id: str
    speaker_ids: tuple[str, ...]
    text: str
    before_s: float
    """Of this scene itself, only what was said before: the rest stands in the conversation."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something said earlier."""

    id: int
    said: Utterance


class MessageSearch:
    """Hybrid search over the messages of the store."""

    def __init__(self, store: Store, floor: float) -> None:
        self.meaning: Meaning | None = None
        """While it is None, words alone are searched."""
        self._store = store
        self._floor = floor

    async def find(self, question: Question, most: int) -> tuple[Found, ...]:
        """The best of what may be told, best first."""
        if not most:
            return ()
        matches, near = await asyncio.gather(self.by_words(question, _MATCHES), self.by_meaning(question))
        likeness = {one.id: one.likeness for one in near}
        found = {one.id: one for one in await self._rows(question, {*matches, *likeness})}
        # "My dog": of all the dogs that were spoken of, the asker's own comes first, whichever search found it.
        own = {id for id, one in found.items() if one.said.speaker_id in question.speaker_ids}
        rankings = (matches[:_CANDIDATES], list(likeness))
        ranked = fuse((*rankings, *([id for id in ranking if id in own] for ranking in (matches, list(likeness)))))
        texts = {id: one.said.text for id, one in found.items()}
        return tuple(found[id] for id in above_floor(ranked, texts, likeness, question.text, self._floor)[:most])

    async def by_words(self, question: Question, most: int = _CANDIDATES) -> list[int]:
        """Ids of messages, best match (BM25) first."""
        words = telling_words(question.text)
        if not words:
            return []
        allowed, values = _allowed(question)
        rows = await self._store.read(
            "SELECT m.id FROM message_words w JOIN messages m ON m.id = w.rowid"
            f" WHERE message_words MATCH ? AND {allowed} ORDER BY w.rank LIMIT {most}",
            (match_query(words), *values),
        )
        return [row["id"] for row in rows]

    async def by_meaning(self, question: Question) -> tuple[Near, ...]:
        """The nearest messages; none while there is no index of meanings."""
        if self.meaning is None:
            return ()
        return await self.meaning.nearest(await self._shelves(question), question.text, _CANDIDATES)

    async def _shelves(self, question: Question) -> list[str]:
        scene, persona = question.scene, question.persona_id
        if not scene.private:
            return [shelf("open", persona, scene.guild_id), shelf("restricted", persona, scene.id)]
        people = question.speaker_ids
        marks = ", ".join("?" * len(people))
        rows = await self._store.read(
            f"SELECT guild, max(id) AS latest FROM messages WHERE person IN ({marks}) AND scope = 'open' GROUP BY guild"
            " ORDER BY latest DESC LIMIT 3",
            people,
        )
        # Of the servers' shelves, what others said there is passed over later.
        return [
            *(shelf("private", persona, one) for one in people),
            *(shelf("open", persona, r["guild"]) for r in rows),
        ]

    async def _rows(self, question: Question, ids: Collection[int]) -> list[Found]:
        if not ids:
            return []
        allowed, values = _allowed(question)
        marks = ", ".join("?" * len(ids))
        # Asked again although both searches asked: the index of meanings may lag behind, the store may not.
        rows = await self._store.read(f"SELECT * FROM messages m WHERE id IN ({marks}) AND {allowed}", (*ids, *values))
        return [Found(row["id"], utterance_of(row)) for row in rows]


def shelf(scope: str, persona_id: str, where: str, *, of: str = "m") -> str:
    """Where meanings are kept that the same people may be told: of a server, a place or a person. `of` tells those of
    messages from others."""
    return f"{of}-" + hashlib.sha1("\0".join((scope, persona_id, where)).encode(), usedforsecurity=False).hexdigest()


def shelf_of(row: sqlite3.Row) -> str:
    """Where the meaning of a message is kept."""
    where = {"open": row["guild"], "restricted": row["place"], "private": row["person"]}[row["scope"]]
    return shelf(row["scope"], row["persona"], where)


def _allowed(question: Question) -> tuple[str, tuple[Any, ...]]:
    scene = question.scene
    not_now = "m.persona = ? AND NOT (m.place = ? AND m.kind = ? AND m.at_s >= ?)"
    values: tuple[Any, ...] = (question.persona_id, scene.id, scene.kind, question.before_s)
    if scene.private:
        marks = ", ".join("?" * len(question.speaker_ids))
        return f"{not_now} AND m.person IN ({marks})", (*values, *question.speaker_ids)
    who = "((m.guild = ? AND m.scope = 'open') OR (m.place = ? AND m.scope = 'restricted'))"
    return f"{not_now} AND {who}", (*values, scene.guild_id, scene.id)
