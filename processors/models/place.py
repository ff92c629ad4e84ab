"""A folder a model may lie in, and what is true of the files there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from processors.errors import ModelCorruptError, ModelError, ModelMissingError

from .manifest import Model, ModelFile
from .origins import Origins
from .progress import Progress, Report, Stage
from .verification import Checksums


class State(StrEnum):
    """What is known of a model without reading its files through."""

    READY = "ready"
    """All files are there, verified, and unchanged since."""
    UNVERIFIED = "unverified"
    """All files are there with the right size; they are verified when first used."""
    INCOMPLETE = "incomplete"
    CORRUPT = "corrupt"
    """A file has the wrong size, or is known to have the wrong content."""
    MISSING = "missing"


class Place:
    """One model in one folder."""

    def __init__(
        self, model: Model, folder: Path, checksums: Checksums, origins: Origins, *, ours: bool, remedy: str
    ) -> None:
        """
        Args:
            model: whose files these are.
            folder: holds them under their manifest paths.
            checksums: remembered hashes.
            origins: says what unpinned files are held to.
            ours: whether a corrupt file may be renamed: not when it belongs to a Python package.
            remedy: ends every error: what to run.
        """
        self.folder = folder
        self._model = model
        self._checksums = checksums
        self._origins = origins
        self._ours = ours
        self._remedy = remedy

    def check_all(self, progress: Report, *, fresh: bool) -> Mapping[str, Path]:
        """Every file by manifest path.

        Raises:
            ModelMissingError: the first file that is not there.
            ModelCorruptError: the first that is wrong; it was set aside if it is ours.
            ModelError: a file cannot be read.
        """
        return {file.path: self.check(file, progress, fresh=fresh) for file in self._model.files}

    def check(self, file: ModelFile, progress: Report, *, fresh: bool = False) -> Path:
        """Where a file is, if it is right; raises like `check_all`. `fresh` hashes it even if it is unchanged."""
        path = self.folder / file.path
        try:
            size = path.stat().st_size
            wrong = self._fault(file, path, size, progress, fresh=fresh)
        except FileNotFoundError as error:
            raise ModelMissingError(f"model {self._model.name}: {path} is missing; {self._remedy}") from error
        except OSError as error:
            hint = "check its permissions, or ACORE_MODELS_DIR"
            raise ModelError(f"model {self._model.name}: cannot read {path}: {error.strerror}; {hint}") from error
        if wrong is None:
            progress(Progress(self._model.name, file.path, Stage.READY, size, size))
            return path
        raise ModelCorruptError(f"{path} is corrupt ({wrong}){self._set_aside(path)}; {self._remedy}")

    def state(self) -> State:
        """What is known without reading the files."""
        states = {self._state_of(file) for file in self._model.files}
        if states == {State.READY}:
            return State.READY
        if State.CORRUPT in states:
            return State.CORRUPT
        if State.MISSING in states:
            return State.MISSING if states == {State.MISSING} else State.INCOMPLETE
        return State.UNVERIFIED

    def _state_of(self, file: ModelFile) -> State:
        path, expected = self.folder / file.path, self._expected(file)
        try:
            size, known = path.stat().st_size, self._checksums.known(path)
        except OSError:
            return State.MISSING
        if expected is None:
            return State.MISSING
        if (file.pinned and size != file.size) or known not in (None, expected):
            return State.CORRUPT
        return State.UNVERIFIED if known is None else State.READY

    def _expected(self, file: ModelFile) -> str | None:
        return file.sha256 or self._origins.sha256(file.path)

    def _fault(self, file: ModelFile, path: Path, size: int, progress: Report, *, fresh: bool) -> str | None:
        expected = self._expected(file)
        if expected is None:
            name = self._model.name
            raise ModelMissingError(f"model {name}: {path} was never checked against its source; {self._remedy}")
        if file.pinned and size != file.size:
            return f"{size} bytes instead of {file.size}"
        actual = self._checksums.of(
            path,
            lambda done: progress(Progress(self._model.name, file.path, Stage.VERIFYING, done, size)),
            fresh=fresh,
        )
        return None if actual == expected else "its checksum is wrong"

    def _set_aside(self, path: Path) -> str:
        """Take a corrupt file of ours out of the way; say what became of it."""
        if not self._ours:
            return ", it came with a Python package"
        aside = path.with_name(f"{path.name}.corrupt")
        try:
            os.replace(path, aside)
        except OSError:
            # A read-only store: the file stays, and stays unloaded.
            return ""
        return f", set aside as {aside.name}"
