"""Sums talks up in the background: sessions from messages, days from sessions, what people went through from days."""

import asyncio
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from loguru import logger

from processors.errors import AcoreError
from processors.memory.history import utterance_of
from processors.memory.port import Scene
from processors.memory.profiles.facts import shown_name
from processors.memory.store import Store
from processors.memory.summaries.due import Place, Said, due
from processors.memory.summaries.settings import SummarySettings
from processors.memory.summaries.summaries import Level, Summaries, Summary
from processors.memory.summaries.texts import OF_A_DAY, OF_A_PERSON, OF_A_TALK, Summed, Talk, extract, join, taken
from processors.memory.summaries.texts import transcript as transcript_of
from processors.thinking.model import ThinkingModel

_LOOK_S = 10.0
_RETRY_S = 60.0
_MOST_OPEN = 2000
_STATE = ("summariser", "messages")
_DAY_S = 86_400
_DAYS_A_PERSON = 3
"""After so many new days (of one place each), what a person and a character went through is told anew."""


class Summariser:
    """Follows the messages of the store, and goes on after a restart where it was."""

    def __init__(
        self,
        store: Store,
        summaries: Summaries,
        thinking: ThinkingModel,
        settings: SummarySettings,
        now_s: Callable[[], float] = time.time,
        name_of: Callable[[str], str] = str,
    ) -> None:
        """
        Args:
            now_s: the wall clock.
            name_of: the name of a character's id.
        """
        self._store = store
        self._summaries = summaries
        self.thinking = thinking
        """Another one may come: models are loaded after memory."""
        self._settings = settings
        self._now_s = now_s
        self._name_of = name_of
        self._working = asyncio.Lock()

    async def run(self) -> None:
        """Sum up what is due, until cancelled."""
        while True:
            try:
                await self.step()
                await asyncio.sleep(_LOOK_S)
            except AcoreError as error:
                logger.warning("no talks are summed up at present: {}", error)
                await asyncio.sleep(_RETRY_S)

    async def step(self) -> None:
        """Sum up everything that is due now."""
        async with self._working:
            await self._sessions(self._settings, self._now_s())
            await self._days()
            await self._people()

    async def now(self, scene: Scene) -> bool:
        """Sum up what is open of one place, however little; whether there was anything."""
        async with self._working:
            # As if it had ended long ago.
            eager = self._settings.model_copy(update={"least": 2})
            return await self._sessions(eager, float("inf"), only=scene)

    async def _sessions(self, settings: SummarySettings, now_s: float, only: Scene | None = None) -> bool:
        state = await self._store.state(*_STATE) or {"done": {}, "low": 0}
        done: dict[Place, int] = {_place(key): upto for key, upto in state["done"].items()}
        sql = "SELECT id, place, kind, persona, at_s FROM messages WHERE id > ? ORDER BY id LIMIT ?"
        rows = await self._store.read(sql, (state["low"], _MOST_OPEN))
        said = [Said(row["id"], (row["place"], row["kind"], row["persona"]), row["at_s"]) for row in rows]
        wanted = said if only is None else [one for one in said if one.place[:2] == (only.id, only.kind)]
        found = due(wanted, done, now_s, settings)
        for talk in found.talks:
            await self._session(talk)
        done |= found.passed
        open_ids = [one.id for one in said if one.id > done.get(one.place, 0)]
        low = min(open_ids) - 1 if open_ids else (said[-1].id if said else state["low"])
        kept = {"\n".join(place): upto for place, upto in done.items() if upto > low}
        self._store.put_state(*_STATE, {"done": kept, "low": low})
        return bool(found.talks)

    async def _session(self, ids: Sequence[int]) -> None:
        marks = ", ".join("?" * len(ids))
        rows = await self._store.read(f"SELECT * FROM messages WHERE id IN ({marks}) ORDER BY id", tuple(ids))
        talk = Talk(tuple(map(utterance_of, rows)))
        if not talk.people:
            return
        text = await self._write(OF_A_TALK, transcript_of(talk)) or extract(talk)
        await self._summaries.add(_session_summary(rows, talk.people, text), [row["id"] for row in rows])

    async def _days(self) -> None:
        """A day that is over, with its several sessions in one place, becomes one summary."""
        groups: dict[tuple[object, ...], list[Summary]] = defaultdict(list)
        for one in await self._summaries.sessions():
            if one.to_s < self._today_s():
                day = int(one.to_s // _DAY_S)
                groups[one.persona, one.place, one.kind, one.scope, day].append(one)
        for sessions in groups.values():
            if len(sessions) > 1:
                await self._over(Level.DAY, sessions, OF_A_DAY)

    async def _people(self) -> None:
        """Of the days of a server, or in private, with a person: what the two went through."""
        groups: dict[tuple[str, str, str, str], list[Summary]] = defaultdict(list)
        for one in await self._summaries.days(self._today_s()):
            if one.scope in ("open", "private"):
                for person in one.people:
                    groups[one.persona, one.guild, one.scope, person].append(one)
        for (persona, guild, scope, person), days in groups.items():
            before = await self._summaries.of_person(persona, guild, scope, person)
            days = [one for one in days if before is None or one.to_s > before.to_s]
            if len(days) < _DAYS_A_PERSON:
                continue
            name = shown_name(days[-1].people[person])
            instruction = OF_A_PERSON.format(name=name, persona=shown_name(self._name_of(persona)))
            await self._over(Level.PERSON, days, instruction, person=person, before=before)

    def _today_s(self) -> float:
        """When the day began that is not over yet. Until a pause is over, its talk may still be summed up."""
        settled_s = self._now_s() - self._settings.idle_min * 60
        return settled_s // _DAY_S * _DAY_S

    async def _over(
        self, level: Level, parts: list[Summary], instruction: str, *, person: str = "", before: Summary | None = None
    ) -> None:
        texts = [*([before.text] if before else []), *(one.text for one in parts)]
        text = await self._write(instruction, "\n".join(f'"{one}"' for one in texts)) or join(texts)
        first, last = before or parts[0], parts[-1]
        people: dict[str, str] = {}
        for one in (*([before] if before else []), *parts):
            people |= one.people
        summary = replace(
            last,
            level=level,
            place=last.place if level is Level.DAY else "",
            kind=last.kind if level is Level.DAY else "",
            text=text,
            from_s=first.from_s,
            messages=sum(one.messages for one in parts) + (before.messages if before else 0),
            people=people,
            person=person,
        )
        await self._summaries.add(summary, [one.id for one in parts], replaces=[before.id] if before else ())

    async def _write(self, instruction: str, text: str) -> str:
        if not self.thinking.asks:
            return ""
        return taken((await self.thinking.extract(instruction, text, Summed)).value)


def _session_summary(rows: Sequence[sqlite3.Row], people: Mapping[str, str], text: str) -> Summary:
    first, last = rows[0], rows[-1]
    return Summary(
        Level.SESSION,
        last["persona"],
        last["guild"],
        last["place"],
        last["kind"],
        last["scope"],
        text,
        first["at_s"],
        last["at_s"],
        len(rows),
        people,
    )


def _place(key: str) -> Place:
    place, kind, persona = key.split("\n")
    return place, kind, persona
