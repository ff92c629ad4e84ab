"""What has been kept long enough is deleted, once a day."""

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


class Retention:
    """Deletes by age, a thousand messages at a time."""

    def __init__(
        self,
        memory: MemoryService,
        profiles: Profiles,
        archive: Archive,
        settings: PrivacySettings,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """`now_s` is the wall clock."""
        self._memory = memory
        self._profiles = profiles
        self._archive = archive
        self._settings = settings
        self._now_s = now_s

    async def run(self) -> None:
        """Clean up now and every day, until cancelled."""
        while True:
            try:
                if deleted := await self.step():
                    logger.info("{} messages had been kept long enough and were deleted", deleted)
            except (AcoreError, OSError) as error:
                logger.warning("what is too old could not be deleted: {}", error)
            await asyncio.sleep(_EVERY_S)

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
        rows = await self._memory.store.read(sql, (before_s, _AT_ONCE))
        if not rows:
            return 0
        if self._settings.archive:
            await asyncio.to_thread(self._archive.add, rows)
        await self._memory.forget("at_s < ? AND id <= ?", (before_s, rows[-1]["id"]))
        return len(rows)
