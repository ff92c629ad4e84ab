"""Remembers the checksum of a file for as long as the file is untouched, so a start need not hash 100 MB again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from .files import OnBytes, sha256_of, write_atomically


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as it was when it was hashed. Any change to the first three makes the memory worthless."""

    size: int
    mtime_ns: int
    inode: int
    sha256: str


class Checksums:
    """SHA-256 of the files of one model, remembered in a small JSON file beside the store.

    Two processes may write it at once: each writes it whole, the last one wins, and what the other had added
    costs one more hashing.
    """

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        self._seen = self._read()

    def known(self, file: Path) -> str | None:
        """The checksum of an untouched file, or None if it was never hashed or has changed since.

        Raises:
            FileNotFoundError: there is no such file.
        """
        seen, stat = self._seen.get(str(file)), file.stat()
        if seen is None or (seen.size, seen.mtime_ns, seen.inode) != (stat.st_size, stat.st_mtime_ns, stat.st_ino):
            return None
        return seen.sha256

    def of(self, file: Path, on_bytes: OnBytes | None = None, *, fresh: bool = False) -> str:
        """The checksum of a file, hashed now if need be, or in any case if `fresh`.

        Raises:
            FileNotFoundError: there is no such file.
        """
        if not fresh and (known := self.known(file)) is not None:
            return known
        # Looked at before it is read: a change during the hashing then shows as a change after it.
        stat = file.stat()
        sha256 = sha256_of(file, on_bytes)
        self._remember(file, stat, sha256)
        return sha256

    def moved(self, file: Path, sha256: str) -> None:
        """A file that was hashed elsewhere on this disk has got its name. Moving changes none of what counts."""
        self._remember(file, file.stat(), sha256)

    def _remember(self, file: Path, stat: os.stat_result, sha256: str) -> None:
        self._seen[str(file)] = _Seen(stat.st_size, stat.st_mtime_ns, stat.st_ino, sha256)
        self._write()

    def _read(self) -> dict[str, _Seen]:
        try:
            entries = json.loads(self._memory.read_bytes())
            return {path: _Seen(**entry) for path, entry in entries.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            # A memory that cannot be read is no memory: the files are hashed again.
            return {}

    def _write(self) -> None:
        data = json.dumps({path: asdict(seen) for path, seen in self._seen.items()}, indent=1)
        try:
            write_atomically(self._memory, data.encode())
        except OSError:
            # A read-only store is a good store; it is only slower to open. Nothing is lost but time.
            return
