"""Where models live, and whether any may be fetched."""

from pathlib import Path
from typing import Annotated

from processors.setting_names import Env, SettingsGroup


class ModelSettings(SettingsGroup):
    """Model files. `acore models` lists, fetches and checks them."""

    dir: Annotated[Path | None, Env("ACORE_MODELS_DIR")] = None
    """Folder for fetched models. Unset: this user's data folder, as the platform has it."""

    offline: Annotated[bool, Env("ACORE_MODELS_OFFLINE")] = False
    """Never fetch anything: a missing model is an error that names the file and the command that fetches it."""
