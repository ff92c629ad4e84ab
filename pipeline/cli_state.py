"""What the options of `acore` itself mean to its commands."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class State:
    """The options given before the command."""

    config: Path | None
    debug: bool

    def load(self) -> "Settings":
        """The settings, with logging set up as they say.

        Raises:
            SettingError: something in them is wrong.
        """
        from loguru import logger

        # Pipecat greets whoever imports it first, in a line nobody asked for.
        logger.remove()

        from pipeline.logs import set_up_logging
        from pipeline.settings import load_settings

        settings = load_settings(self.config)
        set_up_logging(settings.log, debug=self.debug)
        return settings
