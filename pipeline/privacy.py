"""Who does not want to be heard: kept on disk, because a wish about privacy must survive a restart."""

import json
from pathlib import Path

from loguru import logger

from pipeline.report.files import write_atomically
from processors.errors import AcoreError, SettingError

_FILE = "opted_out.json"
_MOST = 100_000


class OptOuts:
    """A set of Discord user ids in a file."""

    def __init__(self, folder: Path) -> None:
        """Read the set.

        Raises:
            SettingError: the folder cannot be used, or the file is damaged. It is not overwritten: forgetting a wish
                is worse than not starting.
        """
        self._path = folder / _FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            content = self._path.read_text() if self._path.exists() else "[]"
            ids = json.loads(content)
        except OSError as error:
            raise SettingError(f"the data folder {folder} cannot be used: {error.strerror} (ACORE_DATA_DIR)") from None
        except ValueError:
            raise SettingError(f"{self._path} is damaged; repair or remove it, and ask who had opted out") from None
        if not isinstance(ids, list) or not all(isinstance(one, int) for one in ids):
            raise SettingError(f"{self._path} must be a list of user ids; repair or remove it")
        self._ids: set[int] = set(ids)

    @property
    def ids(self) -> frozenset[int]:
        """Everybody who opted out."""
        return frozenset(self._ids)

    def add(self, user_id: int) -> None:
        """Remember a wish not to be heard."""
        if len(self._ids) < _MOST:
            self._ids.add(user_id)
            self._save()

    def remove(self, user_id: int) -> None:
        """Forget it."""
        self._ids.discard(user_id)
        self._save()

    def _save(self) -> None:
        try:
            write_atomically(self._path, json.dumps(sorted(self._ids)).encode())
        except AcoreError as error:
            # It holds for as long as the bot runs; the log says that it will not after that.
            logger.error("an opt-out could not be kept: {}", error)
