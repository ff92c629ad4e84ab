"""Logging: loguru as Pipecat uses it, one format, the turn's number on every line of a turn, quiet by default."""

import sys
from typing import TYPE_CHECKING

from loguru import logger

from pipeline.settings import LogSettings
from processors.errors import SettingError

if TYPE_CHECKING:
    from loguru import Record

_FORMAT = "{time:YYYY-MM-DD HH:mm:ss.SSS} {level: <7} {extra[where]} {message}"


def set_up_logging(settings: LogSettings, *, debug: bool = False) -> None:
    """Send log lines to the terminal's error stream and, if a folder is set, to a rotating file.

    Call it before Pipecat is imported: it logs a greeting then.

    Raises:
        SettingError: the folder cannot be written.
    """
    logger.remove()
    logger.configure(patcher=_name_the_turn)
    logger.add(sys.stderr, level="DEBUG" if debug else settings.level, format=_FORMAT, diagnose=False)
    if settings.folder is None:
        return
    try:
        logger.add(
            settings.folder / "acore.log",
            level="DEBUG" if debug else "INFO",
            format=_FORMAT,
            rotation="10 MB",
            retention=5,
            enqueue=True,
            # Values of variables in a traceback could hold a token or somebody's words.
            diagnose=False,
        )
    except OSError as error:
        raise SettingError(f"the log folder {settings.folder} cannot be written: {error} ([log] folder)") from None


def _name_the_turn(record: "Record") -> None:
    turn = record["extra"].get("turn")
    record["extra"]["where"] = "-" if turn is None else f"turn {turn}"
