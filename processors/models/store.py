"""The store: one folder that holds verified models, and fetches the ones it lacks.

    <folder>/<model>/<file>          a file that was whole and right when it got this name
    <folder>/<model>/<file>.corrupt  one that was found wrong later: set aside, never loaded
    <folder>/<model>/origin.json     where each file came from and its SHA-256
    <folder>/.work/<model>/          downloads in progress; an interrupted pull goes on from here
    <folder>/.work/<model>.lock      held by the one process that pulls the model
    <folder>/.work/<model>.seen.json checksums of files that have not changed since they were hashed

Calls block: from an event loop, use a thread.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from processors.errors import ModelCorruptError, ModelError, ModelMissingError

from .archives import STALL_S
from .catalogue import MODELS
from .files import storage_errors
from .hub import Hub
from .locks import exclusive
from .manifest import InstalledFolder, Model, ModelFile, ResolvedModel
from .origins import Origins
from .place import Place, State
from .progress import Progress, Report, Stage, silent
from .pull import Pull
from .verification import Checksums

_WORK = ".work"


_ORDER = list(State)
"""Best first."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One line of `acore models list`."""

    model: Model
    state: State
    folder: Path
    """Where its files are, or would be."""


def default_folder() -> Path:
    """`ACORE_MODELS_DIR`, or this user's data folder as the platform has it."""
    if configured := os.environ.get("ACORE_MODELS_DIR"):
        return Path(configured).expanduser()
    from platformdirs import user_data_path

    return user_data_path("acore", appauthor=False) / "models"


class ModelStore:
    """Verified model files, by the names of the manifest. Safe to use from several threads and processes."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        offline: bool = False,
        models: Mapping[str, Model] = MODELS,
        open_hub: Callable[[], Hub] = Hub,
        stall_s: float = STALL_S,
    ) -> None:
        """
        Args:
            folder: where fetched models live; default `default_folder()`.
            offline: never touch a network or a registry, whatever is asked.
            models: the manifest.
            open_hub: makes the hub client of one pull.
            stall_s: silence after which a registry's tool is given up.
        """
        self.folder = folder or default_folder()
        self.offline = offline
        self.models = models
        self._open_hub = open_hub
        self._stall_s = stall_s

    def model(self, name: str) -> Model:
        """The manifest entry of a name.

        Raises:
            ModelError: there is none; suggests the nearest.
        """
        if name in self.models:
            return self.models[name]
        near = difflib.get_close_matches(name, self.models, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(self.models)}"
        raise ModelError(f"no model is called {name!r}; {hint}")

    def resolve(self, name: str) -> ResolvedModel:
        """The files of a model, verified; no network. Files untouched since they were last hashed are not read.

        Raises:
            ModelMissingError: a file is not on this machine; names it and the command that fetches it.
            ModelCorruptError: a file is wrong; it was set aside and will not be loaded.
            ModelError: no such model, or a file cannot be read.
        """
        return self._resolve(self.model(name), silent, fresh=False)

    def verify(self, name: str, progress: Report = silent) -> ResolvedModel:
        """Like `resolve`, reading every byte again."""
        return self._resolve(self.model(name), progress, fresh=True)

    def pull(self, name: str, progress: Report = silent) -> ResolvedModel:
        """Like `resolve`, fetching what is missing. May be interrupted and repeated at any time.

        Raises:
            ModelMissingError: offline, or no source could deliver a file; says why.
            ModelError: no disk space, the folder cannot be written, or no such model.
        """
        model = self.model(name)
        for needed in model.needs:
            self.pull(needed, progress)
        try:
            return self._resolve(model, progress, fresh=False)
        except (ModelMissingError, ModelCorruptError):
            if self.offline:
                raise
        lock = self._work(f"{model.name}.lock")
        with storage_errors(self.folder), exclusive(lock, _waiting(model, progress)):
            # Looked at again: whoever held the lock before may have fetched it.
            if lacking := self._lacking(model, progress):
                with closing(self._open_hub()) as hub:
                    self._pull_of(model, hub, progress).run(lacking)
        return self._resolve(model, progress, fresh=False)

    def status(self) -> list[ModelStatus]:
        """What is known of every model, in manifest order, without reading any file through."""
        statuses = (
            [ModelStatus(model, place.state(), place.folder) for place in self._places(model)]
            for model in self.models.values()
        )
        return [min(places, key=lambda status: _ORDER.index(status.state)) for places in statuses]

    def _work(self, name: str) -> Path:
        return self.folder / _WORK / name

    def _origins(self, model: Model) -> Origins:
        return Origins(self.folder / model.name / "origin.json")

    def _checksums(self, model: Model) -> Checksums:
        return Checksums(self._work(f"{model.name}.seen.json"))

    def _places(self, model: Model) -> list[Place]:
        """Where a model may lie, best first: its Python package, then the store."""
        installed = _installed_folder(model.installed) if model.installed is not None else None
        return [*([self._place(model, installed, ours=False)] if installed else []), self._own_place(model)]

    def _own_place(self, model: Model) -> Place:
        return self._place(model, self.folder / model.name, ours=True)

    def _place(self, model: Model, folder: Path, *, ours: bool) -> Place:
        offline = " where there is a network (offline mode is on)" if self.offline else ""
        remedy = f"run `acore models pull {model.name}`{offline}"
        return Place(model, folder, self._checksums(model), self._origins(model), ours=ours, remedy=remedy)

    def _resolve(self, model: Model, progress: Report, *, fresh: bool) -> ResolvedModel:
        files: dict[str, Path] = {}
        for needed in model.needs:
            files |= self._resolve(self.models[needed], progress, fresh=fresh).files
        failures: list[ModelError] = []
        for place in self._places(model):
            try:
                own = place.check_all(progress, fresh=fresh)
            except (ModelMissingError, ModelCorruptError) as error:
                failures.append(error)
            else:
                return ResolvedModel(model, place.folder, MappingProxyType({**own, **files}))
        # What is corrupt is worse news than what is merely not there.
        raise min(failures, key=lambda error: not isinstance(error, ModelCorruptError))

    def _lacking(self, model: Model, progress: Report) -> list[ModelFile]:
        """The files the store does not have, or has wrong; what is wrong is set aside."""
        place = self._own_place(model)
        lacking: list[ModelFile] = []
        for file in model.files:
            try:
                place.check(file, progress)
            except (ModelMissingError, ModelCorruptError):
                lacking.append(file)
        return lacking

    def _pull_of(self, model: Model, hub: Hub, progress: Report) -> Pull:
        return Pull(
            model=model,
            folder=self.folder / model.name,
            work=self._work(model.name),
            origins=self._origins(model),
            checksums=self._checksums(model),
            hub=hub,
            stall_s=self._stall_s,
            report=progress,
        )


def _installed_folder(installed: InstalledFolder) -> Path | None:
    try:
        distribution = metadata.distribution(installed.distribution)
    except metadata.PackageNotFoundError:
        return None
    return Path(str(distribution.locate_file(installed.folder)))


def _waiting(model: Model, progress: Report) -> Callable[[], None]:
    note = "another process is fetching it"
    return lambda: progress(Progress(model.name, model.name, Stage.WAITING, note=note))
