"""Where the state of a cast is kept: one document a server, written whole or not at all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from processors.errors import SettingError
from processors.models.files import write_atomically

_MOST_BYTES = 64 << 20


class StateStore(Protocol):
    """Keeps one JSON document for each server. Called in a thread: both may wait for a disk."""

    def read(self) -> Mapping[str, Any]:
        """All documents by key.

        Raises:
            SettingError: they cannot be read.
        """
        ...

    def write(self, key: str, document: Any) -> None:
        """Replace one document.

        Raises:
            OSError: it could not be written; the old one still holds.
        """
        ...

    def drop(self, key: str) -> None:
        """Forget one document.

        Raises:
            OSError: it is still there.
        """
        ...


class FolderStore:
    """A file for each document in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> Mapping[str, Any]:
        """All documents by key.

        Raises:
            SettingError: the folder cannot be used, or a file is damaged. It is left for its owner to mend.
        """
        documents: dict[str, Any] = {}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(self._folder.glob("*.json")):
                if path.stat().st_size > _MOST_BYTES:
                    raise SettingError(f"{path} is too large to be the state of a server; repair or remove it")
                try:
                    documents[path.stem] = json.loads(path.read_bytes())
                except ValueError:
                    raise SettingError(f"{path} is damaged; repair it, or remove it to begin anew") from None
        except OSError as error:
            raise SettingError(f"{self._folder} cannot be used: {error.strerror} (ACORE_DATA_DIR)") from None
        return documents

    def write(self, key: str, document: Any) -> None:
        """Replace one document.

        Raises:
            OSError: it could not be written; the old one still holds.
        """
        write_atomically(self._folder / f"{key}.json", json.dumps(document, ensure_ascii=False).encode())

    def drop(self, key: str) -> None:
        """Forget one document.

        Raises:
            OSError: it is still there.
        """
        (self._folder / f"{key}.json").unlink(missing_ok=True)
