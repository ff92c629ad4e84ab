"""Old messages in compressed files, one a month: lines of JSON that any tool reads."""

import gzip
import json
import sqlite3
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from processors.errors import StorageError
from processors.models.files import write_atomically

_FIELDS = (
    "kind", "place", "guild", "persona", "person", "speaker", "name", "by_character", "text", "at_s", "scope", "also"
)  # fmt: skip


class Archive:
    """The archive of one data folder. Its methods block: call them on a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._alone = threading.Lock()

    def add(self, rows: Iterable[sqlite3.Row]) -> None:
        """Append messages to the files of their months: whole or, with an error, not at all.

        Raises:
            OSError: the disk does not take them.
        """
        months: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            months[time.strftime("%Y-%m", time.gmtime(row["at_s"]))].append({field: row[field] for field in _FIELDS})
        with self._alone:
            for month, messages in months.items():
                path = self._folder / f"{month}.jsonl.gz"
                before = path.read_bytes() if path.exists() else b""
                # Gzip files may follow one another in one file. One cut short would hide all behind it.
                write_atomically(path, before + _packed(messages))

    def of(self, person: str) -> list[dict[str, Any]]:
        """A person's messages, and the answers to them."""
        return [message for path in self._files() for message in _read(path) if _is_of(message, person)]

    def drop_person(self, person: str) -> int:
        """Drop a person's messages and the answers to them; how many that were."""
        return self._drop(lambda message: _is_of(message, person))

    def drop_guild(self, guild: str) -> int:
        """Drop everything of a server."""
        return self._drop(lambda message: message["guild"] == guild)

    def _drop(self, matches: Callable[[dict[str, Any]], bool]) -> int:
        dropped = 0
        with self._alone:
            for half_written in self._folder.glob(".*.jsonl.gz.*"):
                # Of a process that was killed at it.
                half_written.unlink(missing_ok=True)
            for path in self._files():
                messages = list(_read(path))
                kept = [message for message in messages if not matches(message)]
                if len(kept) != len(messages):
                    dropped += len(messages) - len(kept)
                    write_atomically(path, _packed(kept))
        return dropped

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.jsonl.gz"))


def _packed(messages: Iterable[dict[str, Any]]) -> bytes:
    return gzip.compress("".join(json.dumps(message, ensure_ascii=False) + "\n" for message in messages).encode())


def _read(path: Path) -> Iterable[dict[str, Any]]:
    """
    Raises:
        StorageError: it is damaged.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
    except (EOFError, OSError, ValueError, zlib.error) as error:
        raise StorageError(f"{path} is damaged; remove it ({error})") from error


def _is_of(message: dict[str, Any], person: str) -> bool:
    # Files of earlier versions do not say who else was answered.
    return person in (message["person"], message["speaker"], *json.loads(message.get("also") or "[]"))
