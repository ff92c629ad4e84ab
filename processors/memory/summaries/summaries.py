"""Summaries in the store: kept with who took part and who may be told."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from processors.memory.fusion import fuse
from processors.memory.port import Scene, SceneKind
from processors.memory.store import Store
from processors.memory.summaries.meanings import summary_shelf
from processors.memory.vectors import Meaning
from processors.memory.words import match_query, telling_words
from processors.memory.writer import Statement


class Level(StrEnum):
    """How much a summary covers."""

    SESSION = "session"
    DAY = "day"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Summary:
    """A few sentences about some time."""

    level: Level
    persona: str
    guild: str
    place: str
    """Empty on the level of a person, whose talks may have been anywhere in the server."""
    kind: str
    scope: str
    """As of messages: open, restricted or private."""
    text: str
    from_s: float
    to_s: float
    messages: int
    """How many it covers."""
    people: Mapping[str, str]
    """Who took part: name by id."""
    person: str = ""
    """On the level of a person: whose."""
    id: int = 0


_COLUMNS = "level, persona, guild, place, kind, scope, text, from_s, to_s, messages, people, person"
_MENTIONS = "EXISTS (SELECT 1 FROM json_each(people) WHERE key = ?)"
_LATEST = 2
_CANDIDATES = 12


class Summaries:
    """Reads and writes summaries."""

    def __init__(self, store: Store, meaning: Callable[[], Meaning | None] = lambda: None, floor: float = 0.3) -> None:
        """
        Args:
            meaning: what searches by meaning; None while words alone are searched.
            floor: how near (cosine) in meaning a summary must be that has no word of what is looked for.
        """
        self._store = store
        self._meaning = meaning
        self._floor = floor

    async def add(self, summary: Summary, of: Sequence[int], *, replaces: Sequence[int] = ()) -> None:
        """Keep a summary, unless any of what it sums up has been forgotten meanwhile.

        Args:
            of: ids of the messages of a session; otherwise of summaries.
            replaces: ids of summaries it takes the place of.
        """
        table = "messages" if summary.level is Level.SESSION else "summaries"
        marks = ", ".join("?" * len(of))
        all_there = f"(SELECT count(*) FROM {table} WHERE id IN ({marks})) = ?"
        statements = [
            Statement(
                f"INSERT INTO summaries ({_COLUMNS}) SELECT {', '.join('?' * 12)} WHERE {all_there}",
                ((*_row(summary), *of, len(of)),),
            )
        ]
        if summary.level is Level.DAY:
            statements.append(Statement("UPDATE summaries SET in_day = 1 WHERE id = ?", tuple((one,) for one in of)))
        statements.append(Statement("DELETE FROM summaries WHERE id = ?", tuple((one,) for one in replaces)))
        self._store.write(*(statement for statement in statements if statement.rows))
        await self._store.settle()

    async def sessions(self, most: int = 200) -> tuple[Summary, ...]:
        """The latest sessions that no day covers yet, oldest first."""
        sql = "SELECT * FROM summaries WHERE level = 'session' AND in_day = 0 ORDER BY id DESC LIMIT ?"
        return tuple(map(_summary, reversed(await self._store.read(sql, (most,)))))

    async def days(self, before_s: float, most: int = 200) -> tuple[Summary, ...]:
        """The latest days that ended before `before_s`, a summary for each place, oldest first. A day that had a single
        session there is that session."""
        sql = (
            "SELECT * FROM summaries WHERE to_s < ? AND (level = 'day' OR (level = 'session' AND in_day = 0))"
            " ORDER BY to_s DESC, id DESC LIMIT ?"
        )
        return tuple(map(_summary, reversed(await self._store.read(sql, (before_s, most)))))

    async def of_person(self, persona: str, guild: str, scope: str, person: str) -> Summary | None:
        """What a character and a person went through together."""
        sql = (
            "SELECT * FROM summaries WHERE level = 'person' AND person = ? AND persona = ? AND guild = ? AND scope = ?"
            " ORDER BY id DESC LIMIT 1"
        )
        rows = await self._store.read(sql, (person, persona, guild, scope))
        return _summary(rows[0]) if rows else None

    async def lines(self, scene: Scene, persona_id: str, people: Sequence[str]) -> tuple[str, ...]:
        """What of earlier times a character may use in a scene, latest first: the last sessions and days of the place,
        of a thread also of the channel it hangs from, and what it went through with the people who are here."""
        places = [(scene.id, scene.kind)]
        if scene.parent_id:
            places.append((scene.parent_id, SceneKind.CHANNEL))
        found: list[Summary] = []
        for place, kind in places:
            sql = (
                "SELECT * FROM summaries WHERE persona = ? AND place = ? AND kind = ? AND in_day = 0"
                " ORDER BY to_s DESC LIMIT ?"
            )
            found += map(_summary, await self._store.read(sql, (persona_id, place, kind, _LATEST)))
        where, values = ("", ()) if scene.private else ("AND scope = 'open' AND guild = ?", (scene.guild_id,))
        for person in people:
            sql = f"SELECT * FROM summaries WHERE person = ? AND persona = ? {where} ORDER BY to_s DESC LIMIT ?"
            found += map(_summary, await self._store.read(sql, (person, persona_id, *values, _LATEST)))
        return tuple(dict.fromkeys(one.text for one in found))

    async def search(self, scene: Scene, persona_id: str, person: str, text: str, most: int = 5) -> tuple[Summary, ...]:
        """Summaries that have words of `text`, or its meaning, and that may be told to `person` in a scene, best
        first."""
        if scene.private:
            allowed, values = f"persona = ? AND {_MENTIONS}", (persona_id, person)
        else:
            allowed = "persona = ? AND ((guild = ? AND scope = 'open') OR (place = ? AND scope = 'restricted'))"
            values = (persona_id, scene.guild_id, scene.id)
        matches, near = await asyncio.gather(
            self._by_words(text, allowed, values), self._by_meaning(scene, persona_id, person, text)
        )
        ranked = fuse((matches, near))[: 2 * _CANDIDATES]
        # Asked again: the index of meanings may lag behind, the store may not.
        marks = ", ".join("?" * len(ranked))
        rows = await self._store.read(
            f"SELECT * FROM summaries WHERE id IN ({marks}) AND {allowed}", (*ranked, *values)
        )
        found = {row["id"]: _summary(row) for row in rows}
        return tuple(found[id] for id in ranked if id in found)[:most]

    async def _by_words(self, text: str, allowed: str, values: Sequence[object]) -> list[int]:
        words = telling_words(text)
        if not words:
            return []
        rows = await self._store.read(
            "SELECT s.id FROM summary_words w JOIN summaries s ON s.id = w.rowid"
            f" WHERE summary_words MATCH ? AND {allowed} ORDER BY w.rank LIMIT {_CANDIDATES}",
            (match_query(words), *values),
        )
        return [row["id"] for row in rows]

    async def _by_meaning(self, scene: Scene, persona_id: str, person: str, text: str) -> list[int]:
        if (meaning := self._meaning()) is None:
            return []
        if scene.private:
            rows = await self._store.read(
                f"SELECT guild, max(id) AS latest FROM summaries WHERE scope = 'open' AND {_MENTIONS}"
                " GROUP BY guild ORDER BY latest DESC LIMIT 3",
                (person,),
            )
            open_shelves = [summary_shelf("open", persona_id, row["guild"]) for row in rows]
            shelves = [summary_shelf("private", persona_id, person), *open_shelves]
        else:
            shelves = [
                summary_shelf("open", persona_id, scene.guild_id),
                summary_shelf("restricted", persona_id, scene.id),
            ]
        near = await meaning.nearest(shelves, text, _CANDIDATES)
        return [one.id for one in near if one.likeness >= self._floor]

    async def forget_person(self, person: str) -> int:
        """Drop every summary of a talk the person took part in; how many those were."""
        rows = await self._store.read(f"SELECT id FROM summaries WHERE {_MENTIONS} OR person = ?", (person, person))
        self._store.write(Statement("DELETE FROM summaries WHERE id = ?", tuple((row["id"],) for row in rows)))
        await self._store.settle()
        return len(rows)

    async def forget_guild(self, guild: str) -> None:
        """Drop every summary of a server."""
        self._store.write(Statement("DELETE FROM summaries WHERE guild = ?", ((guild,),)))
        await self._store.settle()

    async def forget_place(self, place: str, kind: str) -> None:
        """Drop every summary of a place."""
        self._store.write(Statement("DELETE FROM summaries WHERE place = ? AND kind = ?", ((place, kind),)))
        await self._store.settle()

    async def export(self, person: str) -> list[dict[str, Any]]:
        """Every summary of a talk the person took part in, as data."""
        rows = await self._store.read(f"SELECT * FROM summaries WHERE {_MENTIONS} ORDER BY id", (person,))
        return [
            {
                "level": r["level"],
                "text": r["text"],
                "from_s": r["from_s"],
                "to_s": r["to_s"],
                "character": r["persona"],
            }
            for r in rows
        ]


def _row(summary: Summary) -> tuple[object, ...]:
    return (
        summary.level,
        summary.persona,
        summary.guild,
        summary.place,
        summary.kind,
        summary.scope,
        summary.text,
        summary.from_s,
        summary.to_s,
        summary.messages,
        json.dumps(dict(summary.people), ensure_ascii=False),
        summary.person,
    )


def _summary(row: sqlite3.Row) -> Summary:
    return Summary(
        Level(row["level"]),
        row["persona"],
        row["guild"],
        row["place"],
        row["kind"],
        row["scope"],
        row["text"],
        row["from_s"],
        row["to_s"],
        row["messages"],
        json.loads(row["people"]),
        row["person"],
        row["id"],
    )
