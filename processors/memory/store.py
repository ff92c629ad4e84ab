"""The store: everything the characters remember, in one SQLite file of the data folder.

Writing never waits: statements are queued and committed together within a second, by one writer on a thread that leaves
the cores to the conversation. Reading goes over a connection of its own and sees what is committed.
"""

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from processors.errors import StorageError
from processors.lanes import Lane, outside_work
from processors.memory.file import BUSY_MS, FILE, held, prepare
from processors.memory.schema import WORD_INDEXES
from processors.memory.writer import Statement, Writer

_NICENESS = 10


class Reader:
    """The memory file to read only. Made by `look_into`."""

    def __init__(self, path: Path, reading: aiosqlite.Connection) -> None:
        self.path = path
        self._reading = reading

    async def settle(self, within_s: float = 5.0) -> bool:
        """Wait until all that was written here so far can be read."""
        return True

    async def read(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query.

        Raises:
            StorageError: the file is damaged or the query failed.
        """
        try:
            with outside_work(asyncio.get_running_loop()):
                return list(await self._reading.execute_fetchall(sql, values))
        except sqlite3.Error as error:
            raise StorageError(f"the memory file {self.path} cannot be read: {error}") from error


class Store(Reader):
    """One process's hold on a data folder. Made by `open_store`."""

    def __init__(self, path: Path, writing: aiosqlite.Connection, reading: aiosqlite.Connection) -> None:
        super().__init__(path, reading)
        self._writing = writing
        self._writer = Writer(writing)

    @property
    def trouble(self) -> str:
        """Why nothing can be written at present; empty when all is well."""
        return self._writer.trouble

    def write(self, *statements: Statement) -> None:
        """Write these together, soon. Returns at once; they are durable within a second."""
        self._writer.put(statements)

    async def settle(self, within_s: float = 5.0) -> bool:
        """Wait until all that was written so far is durable; False when the disk does not take it in time."""
        return await self._writer.settle(within_s)

    def put_state(self, kind: str, key: str, value: Any) -> None:
        """Keep a small state as JSON, instead of the one of the same kind and key."""
        sql = "INSERT OR REPLACE INTO state (kind, key, json) VALUES (?, ?, ?)"
        self.write(Statement(sql, ((kind, key, json.dumps(value, ensure_ascii=False)),)))

    def drop_state(self, kind: str, key: str) -> None:
        """Forget a state."""
        self.write(Statement("DELETE FROM state WHERE kind = ? AND key = ?", ((kind, key),)))

    async def state(self, kind: str, key: str) -> Any | None:
        """A state, as it was put last."""
        await self.settle()
        rows = await self.read("SELECT json FROM state WHERE kind = ? AND key = ?", (kind, key))
        return json.loads(rows[0]["json"]) if rows else None

    async def states(self, kind: str) -> dict[str, Any]:
        """All states of a kind, by key."""
        await self.settle()
        rows = await self.read("SELECT key, json FROM state WHERE kind = ? ORDER BY key", (kind,))
        return {row["key"]: json.loads(row["json"]) for row in rows}

    async def must_settle(self, within_s: float = 5.0) -> None:
        """Wait until all that was written so far is durable.

        Raises:
            StorageError: the disk does not take it in time. It is written as soon as it does.
        """
        if not await self.settle(within_s):
            raise StorageError(f"the memory file cannot be written at present: {self.trouble or 'it takes too long'}")

    async def scrub(self) -> None:
        """Leave no byte of what was deleted: not in the word indexes, not in the log of the last commits.

        Raises:
            StorageError: it could not be done; some of it may still be there.
        """
        await self.must_settle()
        self.write(*(Statement(f"INSERT INTO {name} ({name}) VALUES ('optimize')") for name in WORD_INDEXES))
        await self.must_settle(60.0)
        await self.harden()

    async def harden(self) -> None:
        """Have what was committed outlast a power cut too, and leave the log of the last commits empty.

        Raises:
            StorageError: the disk does not take it, or somebody reads the file and does not stop.
        """
        try:
            (row,) = await self._writer.apart("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise StorageError(f"the memory file {self.path} cannot be written: {error}") from error
        if row[0]:
            raise StorageError(f"the memory file {self.path} is being read, so its log of changes could not be emptied")

    async def close(self) -> None:
        """Write what waits."""
        await self._writer.close()


@contextlib.asynccontextmanager
async def open_store(folder: Path) -> AsyncIterator[Store]:
    """Open the memory of a data folder for this process alone; nothing of it is lost when the block is left.

    Raises:
        StorageError: another process has it, it cannot be written, or it was written by a newer Acore.
    """
    opening = Lane("memory file", yielding=True)
    with held(folder):
        try:
            path = await opening.run(lambda job: prepare(folder))
        finally:
            await opening.close()
        async with _connection(path) as writing, _connection(path, reading=True) as reading:
            store = Store(path, writing, reading)
            try:
                yield store
            finally:
                await store.close()


@contextlib.asynccontextmanager
async def look_into(folder: Path) -> AsyncIterator[Reader | None]:
    """The memory file of a data folder to read only, also while another process has it; None if there is none."""
    path = folder / FILE
    if not path.exists():
        yield None
        return
    async with _connection(path, reading=True) as connection:
        yield Reader(path, connection)


@contextlib.asynccontextmanager
async def _connection(path: Path, *, reading: bool = False) -> AsyncIterator[aiosqlite.Connection]:
    connection = await aiosqlite.connect(path, isolation_level=None, timeout=BUSY_MS / 1000)
    try:
        connection.row_factory = sqlite3.Row
        pragmas: Iterable[str] = ("query_only = ON",) if reading else ("synchronous = NORMAL", "secure_delete = ON")
        for pragma in pragmas:
            await connection.execute_fetchall(f"PRAGMA {pragma}")
        await _yield_cores(connection)
        yield connection
    finally:
        await connection.close()


async def _yield_cores(connection: aiosqlite.Connection) -> None:
    """Have the connection's thread leave the cores to the others. What SQL calls runs on that thread."""

    def be_nice() -> int:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        return _NICENESS

    await connection.create_function("be_nice", 0, be_nice)
    await connection.execute_fetchall("SELECT be_nice()")
