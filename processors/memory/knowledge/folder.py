"""The documents folder as it is now, and what has changed in it since it was indexed."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from processors.memory.knowledge.readers import READERS

GENERAL = "general"
"""The category of what lies in the documents folder itself."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells a changed file without reading it."""

    path: str
    """Relative to the documents folder, with forward slashes."""
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was indexed."""

    id: int
    state: FileState
    digest: str
    """SHA-256 of its content."""
    failure: str = ""
    """Why it could not be read."""

    @property
    def path(self) -> str:
        """Its name within the documents folder; what is cited."""
        return self.state.path

    @property
    def category(self) -> str:
        """The folder it lies in."""
        return category_of(self.path)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be done to bring the index up to date."""

    removed: tuple[Document, ...] = ()
    renamed: tuple[tuple[Document, FileState], ...] = ()
    touched: tuple[tuple[Document, FileState], ...] = ()
    """Files that were written anew with the same content."""
    read: tuple[tuple[FileState, str], ...] = ()
    """New and edited files, with their digests."""


def category_of(path: str) -> str:
    """The category of a document: the first folder of its path."""
    parts = PurePosixPath(path).parts
    return parts[0] if len(parts) > 1 else GENERAL


def look_through(folder: Path, *, most_files: int, most_bytes: int) -> list[FileState]:
    """The documents there are, by name. Links are not followed, hidden files left out. Blocks."""
    found: list[FileState] = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            if name.startswith(".") or path.suffix.lower() not in READERS or path.is_symlink():
                continue
            try:
                about = path.stat()
            except OSError:
                continue
            if about.st_size <= most_bytes:
                found.append(FileState(path.relative_to(folder).as_posix(), about.st_size, about.st_mtime_ns))
            if len(found) == most_files:
                return found
    return found


def digest(path: Path) -> str:
    """SHA-256 of a file, or nothing if it has just gone. Blocks."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def compare(indexed: Iterable[Document], present: Iterable[FileState], digests: Mapping[str, str]) -> Changes:
    """What has changed. Pure; `digests` has those of all present files that are new or look changed, by path."""
    documents = {document.path: document for document in indexed}
    states = {state.path: state for state in present}
    gone = [document for path, document in documents.items() if path not in states]
    by_content = {document.digest: document for document in gone}
    renamed: list[tuple[Document, FileState]] = []
    touched: list[tuple[Document, FileState]] = []
    read: list[tuple[FileState, str]] = []
    for path, state in states.items():
        before = documents.get(path)
        if (before and before.state == state) or not digests.get(path):
            continue
        if before and before.digest == digests[path]:
            touched.append((before, state))
        elif not before and digests[path] in by_content:
            moved = by_content.pop(digests[path])
            gone.remove(moved)
            renamed.append((moved, state))
        else:
            read.append((state, digests[path]))
    return Changes(tuple(gone), tuple(renamed), tuple(touched), tuple(read))
