"""Files on disk, done carefully: hashed, written whole or not at all, never into a full disk."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from processors.errors import ModelError

CHUNK_BYTES = 1 << 20
SPARE_BYTES = 32 << 20
"""Kept free beyond what a download needs, so that a log or a database beside it can still be written."""

OnBytes = Callable[[int], None]
"""Called with the number of bytes done so far."""


def sha256_of(path: Path, on_bytes: OnBytes | None = None) -> str:
    """SHA-256 of a file, as lower-case hex."""
    return _digest(path, hashlib.sha256(), on_bytes)


def git_blob_sha1_of(path: Path) -> str:
    """The id git gives the content: what the hub states for files too small for its large-file storage."""
    header = b"blob %d\0" % path.stat().st_size
    return _digest(path, hashlib.sha1(header, usedforsecurity=False), None)


def _digest(path: Path, digest: hashlib._Hash, on_bytes: OnBytes | None) -> str:
    done = 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            if on_bytes is not None:
                on_bytes(done)
    return digest.hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a small file so that a reader, or a power cut, meets the old content or the new, nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not mkstemp: its files are for one user only, and a store may serve several.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        partial.write_bytes(data)
        publish(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def publish(partial: Path, final: Path) -> None:
    """Give a finished file its name, durably: content first, then the name, then the folder that holds it."""
    with partial.open("rb+") as stream:
        os.fsync(stream.fileno())
    final.parent.mkdir(parents=True, exist_ok=True)
    os.replace(partial, final)
    if os.name == "posix":
        folder = os.open(final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def free_bytes(folder: Path) -> int:
    """Bytes a user may still write on the disk that holds `folder`, which need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require_space(folder: Path, need_bytes: int, what: str) -> None:
    """Refuse to begin what cannot be finished.

    Raises:
        ModelError: the disk has less than `need_bytes` and a little to spare.
    """
    free = free_bytes(folder)
    if free < need_bytes + SPARE_BYTES:
        raise ModelError(
            f"no disk space for {what}: {megabytes(need_bytes)} needed in {folder}, {megabytes(free)} free; "
            "make room or point ACORE_MODELS_DIR at another disk"
        )


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses while a model is stored into one line that names the folder.

    Raises:
        ModelError: disk full, quota used up, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "no disk space left; make room or point ACORE_MODELS_DIR at another disk"
        else:
            hint = f"{error.strerror or error}; check the folder or set ACORE_MODELS_DIR to one you can write"
        raise ModelError(f"cannot store models in {error.filename or folder}: {hint}") from error


def size_under(folder: Path) -> int:
    """Bytes in all files below a folder that others are writing to at the same time."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(root, name)).st_size
    return total


def megabytes(count: int) -> str:
    """A byte count for people: `98 MB`."""
    return f"{count / 1e6:,.0f} MB" if count >= 1_000_000 else f"{max(1, round(count / 1e3))} kB"
