"""What has been kept long enough is deleted, once a day.

A clock that was set wrongly must not cost anybody's memories: one that has gone ahead by more than a while since the
last time is believed a day later, if it still says so.
"""

import asyncio
import time
from collections.abc import Callable

from loguru import logger

from processors.errors import AcoreError
from processors.memory.privacy.archive import Archive
from processors.memory.privacy.settings import PrivacySettings
from processors.memory.profiles.profiles import Profiles
from processors.memory.service import MemoryService
from processors.memory.writer import Statement

_EVERY_S = 86_400.0
_DAY_S = 86_400.0
_AT_ONCE = 1000
_BELIEVED_S = 3 * _DAY_S
"""How far the clock may have gone ahead since the last time. A bot that was off for longer waits a day, too."""
_STATE = ("retention", "clock")


class Retention:
    """Deletes by age, a thousand messages at a time."""

    def __init__(
        self,
        memory: MemoryService,
        profiles: Profiles,
        archive: Archive,
        settings: PrivacySettings,
        now_s: Callable[[], float] = time.time,
        alone: asyncio.Lock | None = None,
    ) -> None:
        """
        Args:
            now_s: the wall clock.
            alone: held while messages are moved; whoever forgets a person holds it, too.
        """
        self._memory = memory
        self._profiles = profiles
        self._archive = archive
        self._settings = settings
        self._now_s = now_s
        self._alone = alone or asyncio.Lock()

    async def run(self) -> None:
        """Clean up now and every day, until cancelled."""
        while True:
            try:
                if await self.believes_the_clock() and (deleted := await self.step()):
                    logger.info("{} messages had been kept long enough and were deleted", deleted)
            except (AcoreError, OSError) as error:
                logger.warning("what is too old could not be deleted: {}", error)
            await asyncio.sleep(_EVERY_S)

    async def believes_the_clock(self) -> bool:
        """Whether the clock has gone on as clocks do since it was last asked for here, or a message was noted."""
        store, now_s = self._memory.store, self._now_s()
        before_s = await store.state(*_STATE)
        if before_s is None:
            rows = await store.read("SELECT at_s FROM messages ORDER BY id DESC LIMIT 1")
            before_s = rows[0]["at_s"] if rows else now_s
        store.put_state(*_STATE, now_s)
        ahead_s = now_s - before_s
        if ahead_s > _BELIEVED_S:
            logger.warning("the clock has gone {:.0f} days ahead: nothing is deleted by age today", ahead_s / _DAY_S)
        return ahead_s <= _BELIEVED_S

    async def step(self) -> int:
        """Delete what is too old; how many messages that were."""
        store = self._memory.store
        await store.settle()
        deleted = 0
        if self._settings.message_days:
            before_s = self._now_s() - self._settings.message_days * _DAY_S
            while count := await self._messages(before_s):
                deleted += count
        for table, column, days in (
            ("summaries", "to_s", self._settings.summary_days),
            ("facts", "at_s", self._settings.fact_days),
        ):
            if days:
                sql = f"DELETE FROM {table} WHERE {column} < ?"
                store.write(Statement(sql, ((self._now_s() - days * _DAY_S,),)))
        await store.settle()
        self._profiles.ask_anew()
        return deleted

    async def _messages(self, before_s: float) -> int:
        sql = "SELECT * FROM messages WHERE at_s < ? ORDER BY id LIMIT ?"
        async with self._alone:
            rows = await self._memory.store.read(sql, (before_s, _AT_ONCE))
            if not rows:
                return 0
            if self._settings.archive:
                await asyncio.to_thread(self._archive.add, rows)
            await self._memory.forget("at_s < ? AND id <= ?", (before_s, rows[-1]["id"]))
            return len(rows)
