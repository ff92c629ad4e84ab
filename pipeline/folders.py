"""Where what must survive a restart is kept."""

from pathlib import Path

from platformdirs import user_data_path

from pipeline.settings import Settings


def data_folder(settings: Settings) -> Path:
    """The folder that holds all of it."""
    if settings.data.folder:
        return settings.data.folder.expanduser()
    return user_data_path("acore", appauthor=False) / "data"


def characters_folder(settings: Settings) -> Path:
    """Where imported characters are kept."""
    chosen = settings.characters.folder
    return chosen.expanduser() if chosen else data_folder(settings) / "characters"
