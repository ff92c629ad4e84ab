"""The one writer of the memory file: takes statements at once, commits them in batches beside everything else."""

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiosqlite
from loguru import logger

from processors.lanes import outside_work

GATHER_S = 0.25
"""How long statements gather before they are committed together."""
MOST_WAITING = 20_000
"""Groups that wait while the disk is full; of more, the newest are refused."""
_MOST_AT_ONCE = 500
_RETRY_S = 1.0
_MAY_PASS = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
}
"""What the disk and other processes do to a write; anything else is the statement's own fault."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, and the rows of values it is run with."""

    sql: str
    rows: Sequence[Sequence[Any]] = ((),)


Group = tuple[Statement, ...]
"""Written together or not at all."""


class Writer:
    """Commits what is put into it within a second; what a full disk refuses waits and is tried again."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._waiting: deque[Group] = deque()
        self._at_once = _MOST_AT_ONCE
        self._put = 0
        self._done = 0
        self._wanted = asyncio.Event()
        self._hurry = asyncio.Event()
        self._progress = asyncio.Condition()
        self._at_file = asyncio.Lock()
        self._task = asyncio.create_task(self._run(), name="memory writer")
        self.trouble = ""
        """Why nothing can be written at present; empty when all is well."""
        self.refused = 0
        """Groups that were dropped because too many waited."""

    def put(self, group: Group) -> None:
        """Write a group soon. Never waits."""
        if len(self._waiting) >= MOST_WAITING:
            self.refused += 1
            if self.refused & (self.refused - 1) == 0:
                logger.error(
                    "memory cannot keep up: {} entries were dropped ({})", self.refused, self.trouble or "busy"
                )
            return
        self._waiting.append(group)
        self._put += 1
        self._wanted.set()

    async def settle(self, within_s: float = 5.0) -> bool:
        """Wait until all that was put so far is on disk; False when it is not in time."""
        target = self._put
        self._hurry.set()
        try:
            async with asyncio.timeout(within_s), self._progress:
                await self._progress.wait_for(lambda: self._done >= target)
        except TimeoutError:
            return False
        return True

    async def apart(self, sql: str) -> list[sqlite3.Row]:
        """Run a statement that must not stand within a commit.

        Raises:
            sqlite3.Error: it failed.
        """
        async with self._at_file:
            with outside_work(asyncio.get_running_loop()):
                return list(await self._connection.execute_fetchall(sql))

    async def close(self) -> None:
        """Write what waits, as far as the disk takes it, and stop."""
        if not await self.settle():
            logger.error("{} memories are lost: {}", len(self._waiting), self.trouble)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            if not self._waiting:
                self._wanted.clear()
                self._hurry.clear()
                await self._wanted.wait()
            if self._at_once > 1:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), GATHER_S)
            groups = [self._waiting[n] for n in range(min(len(self._waiting), self._at_once))]
            if not await self._write(groups):
                continue
            for _ in groups:
                self._waiting.popleft()
            self._done += len(groups)
            async with self._progress:
                self._progress.notify_all()

    async def _write(self, groups: list[Group]) -> bool:
        """Whether these groups are dealt with."""
        try:
            async with self._at_file:
                with outside_work(asyncio.get_running_loop()):
                    await self._commit(groups)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _MAY_PASS:
                return self._blame(groups, error)
            # Nothing may be lost meanwhile.
            if not self.trouble:
                logger.error("memory cannot be written: {}; it is kept and tried again", error)
            self.trouble = str(error)
            await asyncio.sleep(_RETRY_S)
            return False
        except Exception as error:
            return self._blame(groups, error)
        if self.trouble:
            logger.warning("memory can be written again")
        self.trouble = ""
        return True

    def _blame(self, groups: list[Group], error: Exception) -> bool:
        """One group is wrong: it is dropped, once it has been found, and the others do not go with it."""
        if len(groups) == 1:
            logger.opt(exception=error).error("a memory could not be written")
            self._at_once = _MOST_AT_ONCE
            return True
        self._at_once = 1
        return False

    async def _commit(self, groups: list[Group]) -> None:
        await self._connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in (statement for group in groups for statement in group):
                await self._connection.executemany(statement.sql, statement.rows)
            await self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                await self._connection.execute("ROLLBACK")
            raise
