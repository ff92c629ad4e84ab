"""Logging: loguru as Pipecat uses it, one format, the turn's number on every line of a turn, quiet by default."""

import sys
from typing import TYPE_CHECKING

from loguru import logger

from pipeline.log_erasing import SAID
from processors.errors import SettingError
from processors.speech_log import SPEECH

if TYPE_CHECKING:
    from loguru import Record

    from pipeline.settings import LogSettings

_FORMAT = "{time:YYYY-MM-DD HH:mm:ss.SSS} {level: <7} {extra[where]} {message}"
_FILE_FORMAT = "{time:YYYY-MM-DD HH:mm:ss.SSS} {level: <7} {extra[where]}{extra[said]} {message}"
"""In a file, lines with somebody's words are marked, so that the words can be erased."""


def set_up_logging(settings: "LogSettings", *, debug: bool = False) -> None:
    """Send log lines to the terminal's error stream and, if a folder is set, to a rotating file.

    Lines that hold somebody's words (`processors.speech_log`) are dropped unless `settings.speech` is on, and so are
    Pipecat's trace lines, some of which print messages whole.

    Raises:
        SettingError: the folder cannot be written.
    """
    logger.remove()
    logger.configure(patcher=_name_the_turn)

    def allowed(record: "Record") -> bool:
        return not _repeats(record) and (settings.speech or not _holds_words(record))

    logger.add(sys.stderr, level="DEBUG" if debug else settings.level, format=_FORMAT, filter=allowed, diagnose=False)
    if settings.folder is None:
        return
    try:
        logger.add(
            settings.folder / "acore.log",
            level="DEBUG" if debug else "INFO",
            format=_FILE_FORMAT,
            filter=allowed,
            rotation="10 MB",
            retention=5,
            enqueue=True,
            # Values of variables in a traceback could hold a token or somebody's words.
            diagnose=False,
        )
    except OSError as error:
        raise SettingError(f"the log folder {settings.folder} cannot be written: {error} ([log] folder)") from None


def _holds_words(record: "Record") -> bool:
    from_pipecat = (record["name"] or "").startswith("pipecat")
    return SPEECH in record["extra"] or (from_pipecat and record["level"].no < logger.level("DEBUG").no)


def _repeats(record: "Record") -> bool:
    """Whether Pipecat says at the head of the pipeline, without its turn, what the stage that failed has said."""
    return record["name"] == "pipecat.pipeline.worker" and "Something went wrong" in record["message"]


def _name_the_turn(record: "Record") -> None:
    record["extra"]["said"] = SAID if SPEECH in record["extra"] else ""
    turn = record["extra"].get("turn")
    record["extra"]["where"] = "-" if turn is None else f"turn {turn}"
