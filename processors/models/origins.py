"""The lock file of a model in the store: where each of its files came from, and its SHA-256."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

from .files import write_atomically


class Origin(TypedDict):
    """What is recorded of one file."""

    sha256: str
    size: int
    source: str


class Origins:
    """Reads and writes `origin.json`. Only the process that holds the model's lock writes it.

    For a file the manifest pins it is a record; for one it does not, it is what the file is held to from the
    moment it was verified against the hub.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._origins = self._read()

    def sha256(self, file: str) -> str | None:
        """The recorded SHA-256 of a manifest path."""
        origin = self._origins.get(file)
        return origin["sha256"] if origin else None

    def record(self, file: str, origin: Origin) -> None:
        """Remember, durably, where a file came from."""
        self._origins[file] = origin
        write_atomically(self._path, json.dumps(self._origins, indent=1).encode() + b"\n")

    def _read(self) -> dict[str, Origin]:
        try:
            content = json.loads(self._path.read_bytes())
            return {
                str(file): Origin(sha256=str(o["sha256"]), size=int(o["size"]), source=str(o["source"]))
                for file, o in content.items()
            }
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            # Without a readable record nothing is trusted on its word: an unpinned file is verified anew.
            return {}
