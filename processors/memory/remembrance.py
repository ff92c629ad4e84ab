"""Memory as the characters have it: what was said, what is known of people, what happened; of those who allow it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from processors.errors import StorageError
from processors.language.context import Background
from processors.memory.history import NOBODY
from processors.memory.knowledge import Knowledge
from processors.memory.port import NO_RECOLLECTION, Exchange, Recollection, Scene, SceneKind, Utterance
from processors.memory.privacy.archive import Archive
from processors.memory.privacy.consent import Consent
from processors.memory.privacy.erasing import Eraser, Keeper, drop_damaged
from processors.memory.privacy.retention import Retention
from processors.memory.profiles.learner import Learner
from processors.memory.profiles.profiles import Profiles
from processors.memory.service import MemoryService
from processors.memory.settings import MemorySettings
from processors.memory.summaries.meanings import SummaryMeanings
from processors.memory.summaries.summaries import Summaries
from processors.memory.summaries.summariser import Summariser
from processors.thinking.model import ThinkingModel
from processors.thinking.settings import ThinkingSettings

NO_THINKING = ThinkingModel(None, ThinkingSettings())
ARCHIVE_FOLDER = "archive"
_NAME = "SELECT name FROM messages WHERE person = ? AND speaker = ? ORDER BY id DESC LIMIT 1"
_OF_PERSON = (
    "person = :id OR speaker = :id OR (also != '' AND EXISTS (SELECT 1 FROM json_each(also) WHERE value = :id))"
)


class Remembrance:
    """Implements `port.Memory`. Made by `running_remembrance`."""

    def __init__(
        self,
        memory: MemoryService,
        folder: Path,
        settings: MemorySettings,
        thinking: ThinkingModel,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            thinking: takes notes and sums up; `think_with` gives another one.
            now_s: the wall clock.
        """
        self.memory = memory
        self.consent = Consent(memory.store, servers=settings.privacy.servers)
        self.profiles = Profiles(memory.store)
        self.summaries = Summaries(memory.store, lambda: memory.meaning, settings.recall.floor)
        self.summary_meanings = SummaryMeanings(memory.store, lambda: memory.meaning)
        self.summariser = Summariser(memory.store, self.summaries, thinking, settings.summaries, now_s)
        self.learner = Learner(memory.store, self.profiles, thinking, self.consent.may_learn)
        self.archive = Archive(folder / ARCHIVE_FOLDER)
        self._alone = asyncio.Lock()
        self.retention = Retention(memory, self.profiles, self.archive, settings.privacy, now_s, self._alone)
        self.eraser = Eraser(self._keepers(), self._scrub, self._alone)
        self._folder = folder
        self._settings = settings

    @property
    def knowledge(self) -> Knowledge:
        """What the characters know from documents."""
        return self.memory.knowledge

    def think_with(self, thinking: ThinkingModel) -> None:
        """The thinking model is loaded: from now on it takes the notes and sums up."""
        self.learner.thinking = self.summariser.thinking = thinking

    def note(self, exchange: Exchange) -> None:
        """Remember of an exchange what those who spoke allow. The answer, which may quote any of them, if all do."""
        heard = tuple(one for one in exchange.heard if self.consent.allows(exchange.scene, one.speaker_id))
        all_allow = heard == exchange.heard and self.consent.allows(exchange.scene, exchange.asked_by)
        reply = exchange.reply if all_allow else None
        if heard or reply:
            self.memory.note(replace(exchange, heard=heard, reply=reply))

    async def history(self, scene: Scene, *, limit: int = 50) -> tuple[Utterance, ...]:
        return await self.memory.history(scene, limit=limit)

    async def recall(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        if not self.consent.allows(scene):
            return NO_RECOLLECTION
        if scene.kind is SceneKind.VOICE:
            # A room knows its people beforehand: `background` stands in front of its prompts, where it costs nothing.
            return await self.memory.recall(scene, persona_id, speaker_ids, text)
        found, known = await asyncio.gather(
            self.memory.recall(scene, persona_id, speaker_ids, text), self._in_time(scene, persona_id, speaker_ids)
        )
        return replace(found, lines=(*known.people, *known.summaries, *found.lines))

    def limit_knowledge(self, persona_id: str, categories: tuple[str, ...]) -> None:
        """Let a character know the documents of these categories only; of all, if there are none."""
        self.memory.limit_knowledge(persona_id, categories)

    async def background(self, scene: Scene, persona_id: str, people: Mapping[str, str]) -> Background:
        """What a character knows of the people (names by id) of a scene, and of earlier times there."""
        allowed = {person: name for person, name in people.items() if self.consent.allows(scene, person)}
        if not self.consent.allows(scene):
            return Background()
        return Background(
            people=await self.profiles.lines(scene, persona_id, allowed) if self._settings.profiles.enabled else (),
            summaries=await self.summaries.lines(scene, persona_id, tuple(allowed))
            if self._settings.summaries.enabled
            else (),
        )

    async def forget_guild(self, guild: str) -> None:
        """Delete everything of a server."""
        async with self._alone:
            await self.memory.forget("guild = ?", (guild,))
            await self.profiles.forget_guild(guild)
            await self.summaries.forget_guild(guild)
            await asyncio.to_thread(self.archive.drop_guild, guild)
            self.consent.forget_guild(guild)
            await self._scrub()

    async def forget_place(self, scene: Scene) -> None:
        """Delete what was said in a scene, and its summaries. What was learned about people from it stays theirs."""
        await self.memory.forget("place = ? AND kind = ?", (scene.id, scene.kind))
        await self.summaries.forget_place(scene.id, scene.kind)
        await self.memory.store.scrub()

    async def take_in(self, scene: Scene, persona_id: str, content: bytes, *, by: str) -> int:
        """Add what those who may be remembered said in an exported conversation to a scene, on behalf of a person; how
        many messages that were.

        Raises:
            StorageError: it is no such file, or too large, or nothing is remembered there.
        """
        if not self.consent.allows(scene):
            raise StorageError("memory is off in this server; `/memory on` with `of: server` turns it on")
        return await self.memory.take_in(scene, persona_id, content, by=by, allows=self.consent.may_stay)

    async def others(self, scene: Scene, person: str) -> tuple[str, ...]:
        """Names of everybody else who has been heard in the server, or the place, of a scene."""
        where, value = ("guild", scene.guild_id) if scene.guild_id else ("place", scene.id)
        sql = f"SELECT DISTINCT name FROM messages WHERE {where} = ? AND speaker != ? LIMIT 1000"
        return tuple(row["name"] for row in await self.memory.store.read(sql, (value, person)))

    async def name_of(self, person: str) -> str:
        """What a person was called last; their id if they are not remembered."""
        rows = await self.memory.store.read(_NAME, (person, person))
        return rows[0]["name"] if rows else person

    async def _in_time(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...]) -> Background:
        try:
            async with asyncio.timeout(self._settings.recall.deadline_ms / 1000):
                people = {person: await self.name_of(person) for person in speaker_ids}
                return await self.background(scene, persona_id, people)
        except TimeoutError:
            return Background()

    def _keepers(self) -> list[Keeper]:
        return [
            Keeper("messages", self._messages_of, self._forget_messages),
            Keeper("facts", self.profiles.export, self.profiles.forget_person),
            Keeper("summaries", self.summaries.export, self.summaries.forget_person),
            Keeper(
                "archive",
                lambda person: asyncio.to_thread(self.archive.of, person),
                lambda person: asyncio.to_thread(self.archive.drop_person, person),
            ),
            Keeper("choices", self._choices_of, self._keep_choices),
        ]

    async def _messages_of(self, person: str) -> list[dict[str, Any]]:
        await self.memory.store.settle()
        sql = f"SELECT * FROM messages WHERE {_OF_PERSON} ORDER BY id"
        rows = await self.memory.store.read(sql, {"id": person})
        return [{key: value for key, value in dict(row).items() if key not in ("id", "person", "also")} for row in rows]

    async def _forget_messages(self, person: str) -> int:
        if person == NOBODY:
            return 0
        count = len(await self._messages_of(person))
        await self.memory.forget(_OF_PERSON, {"id": person})
        return count

    async def _choices_of(self, person: str) -> dict[str, bool | None]:
        return {"memory": self.consent.of_person(person)}

    async def _keep_choices(self, person: str) -> int:
        """A wish not to be remembered must outlive what was remembered."""
        return 0

    async def _scrub(self) -> None:
        await self.memory.rebuild_meanings()
        await asyncio.to_thread(drop_damaged, self._folder)
        await self.memory.store.scrub()


@contextlib.asynccontextmanager
async def running_remembrance(
    memory: MemoryService,
    folder: Path,
    settings: MemorySettings,
    thinking: ThinkingModel = NO_THINKING,
    *,
    begin: asyncio.Event | None = None,
    now_s: Callable[[], float] = time.time,
) -> AsyncIterator[Remembrance]:
    """Learns, sums up and cleans up beside the talk, until the block is left.

    Args:
        begin: its work waits for this.
    """
    remembrance = Remembrance(memory, folder, settings, thinking, now_s)
    await remembrance.consent.load()

    async def after(work: Callable[[], Any]) -> None:
        if begin:
            await begin.wait()
        await work()

    works = [("retention", remembrance.retention.run)]
    if settings.profiles.enabled:
        works.append(("learner", remembrance.learner.run))
    if settings.summaries.enabled:
        works.append(("summariser", remembrance.summariser.run))
        works.append(("meanings of summaries", remembrance.summary_meanings.run))
    tasks = [asyncio.create_task(after(work), name=name) for name, work in works]
    try:
        yield remembrance
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
