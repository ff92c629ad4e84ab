"""The memory file on disk: one process holds it, its format is brought up to date, a damaged one is set aside.

What is set aside keeps its content under a name of its own; every row that can still be read is carried over. A process
killed while it does that begins anew with the next start, or ends what was all but done.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from loguru import logger

from processors.errors import StorageError
from processors.memory.schema import MIGRATIONS, WORD_INDEXES
from processors.models.locks import claim

FILE = "memory.sqlite3"
LOCK = "memory.lock"
BUSY_MS = 5000
_TAILS = ("", "-wal", "-shm")
"""What a database consists of while it is open, or after a kill."""


def hold(folder: Path) -> int:
    """Claim the data folder for this process; closing the handle gives it free.

    Raises:
        StorageError: another process has it, or the folder cannot be written.
    """
    try:
        handle = claim(folder / LOCK)
    except OSError as error:
        raise StorageError(f"the data folder {folder} cannot be used: {error.strerror} (ACORE_DATA_DIR)") from None
    if handle is None:
        raise StorageError(
            f"another Acore uses the data folder {folder}: stop it, or give this one its own folder (ACORE_DATA_DIR)"
        )
    return handle


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Have the data folder for this process alone while the block lasts.

    Raises:
        StorageError: another process has it, or the folder cannot be written.
    """
    handle = hold(folder)
    try:
        yield
    finally:
        os.close(handle)


def prepare(folder: Path) -> Path:
    """The memory file of `folder`, sound and of today's format. The caller holds the folder.

    Raises:
        StorageError: it cannot be written, or was written by a newer Acore.
    """
    path = folder / FILE
    try:
        _put_in_place(path)
        if path.exists() and not _sound(path):
            _rebuild(path)
        with contextlib.closing(connect(path)) as connection:
            _migrate(connection, path)
    except sqlite3.OperationalError as error:
        raise StorageError(f"the memory file {path} cannot be used: {error} (ACORE_DATA_DIR)") from None
    return path


def connect(path: Path) -> sqlite3.Connection:
    """A connection for writing: no commit loses anything to a dead process, and deleted text is overwritten."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def _sound(path: Path) -> bool:
    try:
        with contextlib.closing(connect(path)) as connection:
            return connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
    except sqlite3.OperationalError:
        # No permission, no space: not the file's fault.
        raise
    except sqlite3.DatabaseError:
        return False


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StorageError(
            f"{path} was written by a newer Acore (format {version}, this one knows {len(MIGRATIONS)}): upgrade Acore"
        )
    for number in range(version + 1, len(MIGRATIONS) + 1):
        logger.info("memory file: format {} to {}", number - 1, number)
        # Everything between BEGIN and COMMIT counts as one, the version included.
        connection.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[number - 1]}; PRAGMA user_version = {number}; COMMIT;")


def _rebuild(path: Path) -> None:
    building, built = _named(path, "rebuilding"), _named(path, "rebuilt")
    _remove(building)
    saved = 0
    with contextlib.closing(connect(building)) as fresh:
        try:
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as damaged:
                saved = _carry_over(damaged, fresh, path)
        except sqlite3.DatabaseError:
            _migrate(fresh, path)
    # By its name it is known to be whole.
    os.replace(building, built)
    aside = _put_in_place(path)
    logger.error("the memory file was damaged: it is set aside as {}; {} rows could be saved", aside, saved)


def _put_in_place(path: Path) -> Path:
    """Set the damaged file aside for the rebuilt one, if there is one."""
    aside = _named(path, f"damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    built = _named(path, "rebuilt")
    if built.exists():
        for tail in _TAILS:
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{path}{tail}", f"{aside}{tail}")
        os.replace(built, path)
    _remove(_named(path, "rebuilding"))
    return aside


def _named(path: Path, what: str) -> Path:
    return path.with_name(f"{path.stem}.{what}{path.suffix}")


def _remove(path: Path) -> None:
    for tail in _TAILS:
        Path(f"{path}{tail}").unlink(missing_ok=True)


def _carry_over(damaged: sqlite3.Connection, fresh: sqlite3.Connection, path: Path) -> int:
    _migrate(fresh, path)
    tables = [
        name
        for (name,) in fresh.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        if not name.startswith(WORD_INDEXES)
    ]
    saved = 0
    for table in tables:
        there = _columns(damaged, table)
        columns = ", ".join(name for name in _columns(fresh, table) if name in there)
        if not columns:
            continue
        marks = ", ".join("?" * (columns.count(",") + 1))
        fresh.execute("BEGIN")
        for row in _readable(damaged, table, columns):
            saved += fresh.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", row).rowcount
        fresh.execute("COMMIT")
    return saved


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """What a table has; a file of an earlier format has less."""
    return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]


def _readable(damaged: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[object, ...]]:
    """The rows before the first damaged page and those behind the last; what lies twice is ignored by the caller."""
    for order in ("ASC", "DESC"):
        for key in ("rowid", columns):
            try:
                yield from damaged.execute(f"SELECT {columns} FROM {table} ORDER BY {key} {order}")
                return
            except sqlite3.OperationalError:
                # A table without rowid, or one the damaged file does not have.
                continue
            except sqlite3.DatabaseError:
                break
