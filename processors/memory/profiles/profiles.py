"""The profiles of all people, in the store."""

import sqlite3
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from processors.memory.port import Scene
from processors.memory.profiles.facts import Change, Fact, FactKind, Reach, line_of, visible
from processors.memory.store import Store
from processors.memory.words import telling_words
from processors.memory.writer import Statement

_PEOPLE_AT_HAND = 512
_INSERT = (
    "INSERT INTO facts (person, persona, guild, reach, kind, subject, text, source, at_s)"
    " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE ? = 0 OR EXISTS (SELECT 1 FROM messages WHERE id = ?)"
)


class Profiles:
    """Reads and changes what is known of people; keeps the latest at hand."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._at_hand: OrderedDict[str, tuple[Fact, ...]] = OrderedDict()
        self._changes = 0

    async def facts(self, person: str) -> tuple[Fact, ...]:
        """All that is known of a person, oldest first."""
        if (known := self._at_hand.get(person)) is not None:
            self._at_hand.move_to_end(person)
            return known
        changes = self._changes
        rows = await self._store.read("SELECT * FROM facts WHERE person = ? ORDER BY at_s, id", (person,))
        known = tuple(map(_fact, rows))
        if changes == self._changes:
            # Else what was read may be from before the change.
            self._at_hand[person] = known
        while len(self._at_hand) > _PEOPLE_AT_HAND:
            self._at_hand.popitem(last=False)
        return known

    async def change(self, person: str, change: Change, message: int = 0) -> None:
        """Add and drop facts of a person; together or not at all.

        Args:
            message: the one they were learned from, if any: once it is forgotten, nothing is learned from it.
        """
        if not (change.add or change.drop):
            return
        await self._write(
            # The person once more: no number, wherever it comes from, reaches another's facts.
            Statement("DELETE FROM facts WHERE id = ? AND person = ?", tuple((id, person) for id in change.drop)),
            Statement(_INSERT, tuple((*_row(person, fact), message, message) for fact in change.add)),
        )

    async def find(self, person: str, text: str) -> tuple[Fact, ...]:
        """A person's facts that have all telling words of `text`; without any such word, those that contain it."""
        words = telling_words(text)
        plain = text.casefold().strip()
        return tuple(
            fact
            for fact in await self.facts(person)
            if (words and set(words) <= set(telling_words(fact.text))) or (plain and plain in fact.text.casefold())
        )

    async def lines(self, scene: Scene, persona_id: str, people: Mapping[str, str]) -> tuple[str, ...]:
        """What a character may use of the people (names by id) of a scene: one line for each of whom it knows
        anything."""
        lines: list[str] = []
        for person, name in people.items():
            facts = visible(await self.facts(person), persona_id, scene.guild_id, scene.private)
            if line := line_of(name, facts):
                lines.append(line)
        return tuple(lines)

    async def forget_person(self, person: str) -> int:
        """Drop everything known of a person; how many facts that were."""
        rows = await self._store.read("SELECT count(*) AS n FROM facts WHERE person = ?", (person,))
        await self._write(Statement("DELETE FROM facts WHERE person = ?", ((person,),)))
        return rows[0]["n"]

    async def forget_guild(self, guild: str) -> None:
        """Drop everything that was learned in a server."""
        await self._write(Statement("DELETE FROM facts WHERE guild = ?", ((guild,),)))

    def ask_anew(self) -> None:
        """What is at hand may no longer be what the store has."""
        self._changes += 1
        self._at_hand.clear()

    async def _write(self, *statements: Statement) -> None:
        self._store.write(*statements)
        try:
            await self._store.settle()
        finally:
            # Also of whoever gives up waiting: it is written nevertheless.
            self.ask_anew()

    async def export(self, person: str) -> list[dict[str, Any]]:
        """Everything known of a person, as data."""
        return [
            {
                "kind": str(fact.kind),
                "text": fact.text,
                "source": fact.source,
                "at_s": fact.at_s,
                "character": fact.persona,
                "server": fact.guild,
                "private": fact.reach is Reach.PERSON,
            }
            for fact in await self.facts(person)
        ]


def _row(person: str, fact: Fact) -> tuple[object, ...]:
    return (
        person, fact.persona, fact.guild, fact.reach, fact.kind, fact.subject, fact.text, fact.source, fact.at_s
    )  # fmt: skip


def _fact(row: sqlite3.Row) -> Fact:
    return Fact(
        FactKind(row["kind"]),
        row["text"],
        row["subject"],
        row["source"],
        row["at_s"],
        row["persona"],
        Reach(row["reach"]),
        row["guild"],
        row["id"],
    )
