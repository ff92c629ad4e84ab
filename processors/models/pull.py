"""Fetching what one model lacks: every file from the first of its sources that delivers the right bytes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from processors.errors import ModelMissingError

from .archives import Archives
from .errors import SourceError
from .files import CHUNK_BYTES, OnBytes, publish, sha256_of
from .hub import Hub, HubUnreachableError
from .manifest import Archive, ArchiveSource, HubSource, Model, ModelFile, Source
from .origins import Origins
from .progress import Progress, Report, Stage
from .verification import Checksums


class _WrongContentError(SourceError):
    """A source delivered, but not the file of the manifest."""


class Pull:
    """One pull of one model, by the process that holds the model's lock."""

    def __init__(
        self,
        *,
        model: Model,
        folder: Path,
        work: Path,
        origins: Origins,
        checksums: Checksums,
        hub: Hub,
        stall_s: float,
        report: Report,
    ) -> None:
        """
        Args:
            model: what is pulled.
            folder: where its files belong.
            work: its downloads in progress, on the same disk.
            origins: told of every file that arrived.
            checksums: told of what was hashed, so that the first use need not do it again.
            hub: answers for the hub sources; the caller closes it.
            stall_s: silence after which a registry's tool is given up.
            report: told of every step.
        """
        self._model = model
        self._folder = folder
        self._work = work
        self._origins = origins
        self._checksums = checksums
        self._hub = hub
        self._stall_s = stall_s
        self._report = report
        self._hub_down: HubUnreachableError | None = None
        self._told: set[str] = set()

    def run(self, files: Sequence[ModelFile]) -> None:
        """Fetch, verify and name the files; on success nothing is left in the work folder.

        Raises:
            ModelMissingError: a file could be had from none of its sources; says why for each.
            ModelError: no disk space.
            OSError: the disk refuses.
        """
        archives = Archives(self._work, _wanted(files), self._report_archive, stall_s=self._stall_s)
        for file in files:
            self._fetch(file, archives)
        shutil.rmtree(self._work, ignore_errors=True)

    def _fetch(self, file: ModelFile, archives: Archives) -> None:
        reasons: list[str] = []
        for source in file.sources:
            try:
                match source:
                    case HubSource():
                        arrived = self._from_hub(source, file)
                    case ArchiveSource():
                        arrived = self._from_archives(source, file, archives)
                self._accept(arrived, file, source)
                return
            except _WrongContentError as error:
                if isinstance(source, ArchiveSource):
                    archives.discard(source)
                reasons.append(self._fall_back(file, error))
            except SourceError as error:
                reasons.append(self._fall_back(file, error))
        why = "; ".join(reasons) or "the manifest names no source"
        raise ModelMissingError(f"cannot fetch {file.path} of {self._model.name}: {why}")

    def _fall_back(self, file: ModelFile, error: SourceError) -> str:
        if str(error) not in self._told:
            # A hub that is down, or a package that cannot be had, is told once and not for every file.
            self._told.add(str(error))
            self._report(Progress(self._model.name, file.path, Stage.FALLBACK, note=str(error)))
        return str(error)

    def _from_hub(self, source: HubSource, file: ModelFile) -> Path:
        if self._hub_down is not None:
            raise self._hub_down
        try:
            announced = self._hub.announce(source)
        except HubUnreachableError as error:
            self._hub_down = error
            raise
        if file.sha256 is not None and len(announced.checksum) == 64 and announced.checksum != file.sha256:
            raise SourceError(f"{self._hub.host} holds another {source.path}: its checksum is not the manifest's")
        final = self._folder / file.path
        if final.is_file() and announced.mismatch(final) is None:
            # Put there by hand, or left by an earlier pull whose record was lost.
            return final
        on_bytes = self._counting(file, Stage.DOWNLOADING, announced.size)
        return self._hub.fetch(source, announced, self._work, on_bytes)

    def _from_archives(self, source: ArchiveSource, file: ModelFile, archives: Archives) -> Path:
        parts = [archives.member(part) for part in source.parts]
        joined = self._work / "joined.part"
        if len(parts) == 1:
            os.replace(parts[0], joined)
        else:
            with joined.open("wb") as out:
                for part in parts:
                    with part.open("rb") as stream:
                        shutil.copyfileobj(stream, out, CHUNK_BYTES)
                    # Freed at once: the pieces and the whole never lie on the disk together.
                    part.unlink()
        return joined

    def _accept(self, arrived: Path, file: ModelFile, source: Source) -> None:
        sha256 = sha256_of(arrived, self._counting(file, Stage.VERIFYING, arrived.stat().st_size))
        if file.sha256 not in (None, sha256):
            arrived.unlink()
            raise _WrongContentError(f"{source} holds another {file.path}: its checksum is not the manifest's")
        final = self._folder / file.path
        size = arrived.stat().st_size
        # The record first: a file without one is fetched again, a record without its file does no harm.
        revision = f"@{source.revision}" if isinstance(source, HubSource) else ""
        self._origins.record(file.path, {"sha256": sha256, "size": size, "source": f"{source}{revision}"})
        if arrived != final:
            publish(arrived, final)
            self._checksums.moved(final, sha256)
        self._report(Progress(self._model.name, file.path, Stage.READY, size, size))

    def _counting(self, file: ModelFile, stage: Stage, total: int) -> OnBytes:
        return lambda done: self._report(Progress(self._model.name, file.path, stage, done, total))

    def _report_archive(self, archive: Archive, stage: Stage, done: int, total: int) -> None:
        self._report(Progress(self._model.name, str(archive), stage, done, total))


def _wanted(files: Sequence[ModelFile]) -> Mapping[Archive, Mapping[str, int]]:
    """The members to take out of each archive, and how large each may be: never larger than its whole file."""
    wanted: dict[Archive, dict[str, int]] = {}
    for file in files:
        for source in file.sources:
            if isinstance(source, ArchiveSource):
                for part in source.parts:
                    wanted.setdefault(part.archive, {})[part.member] = file.size
    return wanted
