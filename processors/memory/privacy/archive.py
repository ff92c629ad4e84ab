"""Old messages in compressed files, one a month: lines of JSON that any tool reads."""

import gzip
import json
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_FIELDS = (
    "kind", "place", "guild", "persona", "person", "speaker", "name", "by_character", "text", "at_s", "scope", "also"
)  # fmt: skip


class Archive:
    """The archive of one data folder. Its methods block: call them on a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, rows: Iterable[sqlite3.Row]) -> None:
        """Append messages to the files of their months."""
        months: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            months[time.strftime("%Y-%m", time.gmtime(row["at_s"]))].append({field: row[field] for field in _FIELDS})
        for month, messages in months.items():
            self._folder.mkdir(parents=True, exist_ok=True)
            # Gzip files may follow one another in one file.
            with gzip.open(self._folder / f"{month}.jsonl.gz", "at", encoding="utf-8") as file:
                file.writelines(json.dumps(message, ensure_ascii=False) + "\n" for message in messages)

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
        for path in self._files():
            messages = list(_read(path))
            kept = [message for message in messages if not matches(message)]
            if len(kept) == len(messages):
                continue
            dropped += len(messages) - len(kept)
            fresh = path.with_suffix(".new")
            with gzip.open(fresh, "wt", encoding="utf-8") as file:
                file.writelines(json.dumps(message, ensure_ascii=False) + "\n" for message in kept)
            os.replace(fresh, path)
        return dropped

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.jsonl.gz"))


def _read(path: Path) -> Iterable[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _is_of(message: dict[str, Any], person: str) -> bool:
    # Files of earlier versions do not say who else was answered.
    return person in (message["person"], message["speaker"], *json.loads(message.get("also") or "[]"))
