"""Files that appear whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from personas.errors import AcoreError


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step. Raises AcoreError naming the file; then the old one is untouched."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise AcoreError(f"Cannot write {path}: {error.strerror or error}") from error
