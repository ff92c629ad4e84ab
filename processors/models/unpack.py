"""Takes named members out of wheels and npm tarballs that may be hostile.

Nothing in an archive decides where anything is written: the members wanted are known beforehand, each is copied
to a file we name, only if it is a regular file and no larger than it may be.
"""

from __future__ import annotations

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from .errors import SourceError
from .files import CHUNK_BYTES, OnBytes

MAX_UNPACKED_BYTES = 8 << 30
"""A tarball is read through to its end; more than this in it is taken for a decompression bomb."""


def unpack(archive: Path, wanted: Mapping[str, int], into: Path, on_bytes: OnBytes) -> dict[str, Path]:
    """Copy members out of a `.whl` or `.tgz`.

    Args:
        archive: the wheel or tarball.
        wanted: member name -> the most bytes it may have.
        into: an existing folder of ours; the copies get plain numbered names in it.
        on_bytes: called with the bytes written so far.

    Returns:
        Member name -> its copy.

    Raises:
        SourceError: the archive is broken, or lacks a member, or a member is not what it should be.
    """
    targets = {member: into / f"{number:03d}.member" for number, member in enumerate(wanted)}
    copy = _Copier(archive.name, wanted, on_bytes)
    try:
        if archive.suffix == ".whl":
            found = _from_wheel(archive, targets, copy)
        else:
            found = _from_tarball(archive, targets, copy)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError) as error:
        # NotImplementedError: zipfile's word for a compression method it does not know.
        raise SourceError(f"{archive.name} is broken: {error}") from error
    if missing := sorted(targets.keys() - found):
        raise SourceError(f"{archive.name} has no regular file {missing[0]!r}")
    return targets


class _Copier:
    """Copies one member at a time, counting, and stops at the first byte too many."""

    def __init__(self, archive: str, limits: Mapping[str, int], on_bytes: OnBytes) -> None:
        self._archive, self._limits, self._on_bytes = archive, limits, on_bytes
        self._done = 0

    def __call__(self, member: str, source: IO[bytes], target: Path) -> None:
        left = self._limits[member]
        with target.open("wb") as out:
            while chunk := source.read(CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise SourceError(f"{self._archive}: {member!r} is larger than {self._limits[member]} bytes")
                out.write(chunk)
                self._done += len(chunk)
                self._on_bytes(self._done)


def _from_wheel(archive: Path, targets: Mapping[str, Path], copy: _Copier) -> set[str]:
    found: set[str] = set()
    with zipfile.ZipFile(archive) as wheel:
        for info in wheel.infolist():
            mode = info.external_attr >> 16
            regular = stat.S_IFMT(mode) in (0, stat.S_IFREG) and not info.is_dir()
            if regular and info.filename in targets:
                with wheel.open(info) as source:
                    copy(info.filename, source, targets[info.filename])
                found.add(info.filename)
    return found


def _from_tarball(archive: Path, targets: Mapping[str, Path], copy: _Copier) -> set[str]:
    found: set[str] = set()
    left = MAX_UNPACKED_BYTES
    with tarfile.open(archive, "r|gz") as tarball:
        for info in tarball:
            # Passing over a member unpacks it all the same: what it declares is counted, wanted or not.
            left -= info.size + tarfile.BLOCKSIZE
            if left < 0:
                raise SourceError(f"{archive.name} unpacks to more than {MAX_UNPACKED_BYTES} bytes")
            source = tarball.extractfile(info) if info.isreg() and info.name in targets else None
            if source is not None:
                copy(info.name, source, targets[info.name])
                found.add(info.name)
    return found
