"""What people say and what is answered, for the log: marked, so that logging leaves it out unless it was asked for."""

from loguru import logger

SPEECH = "speech"
"""The mark, in a log record's `extra`. `pipeline.logs` drops marked records unless the setting LOG_SPEECH is on."""


def log_speech(speaker: str, text: str) -> None:
    """Log, at INFO, that `speaker` (a person or the bot) said `text`. The only place where words may enter a log."""
    # On one line: a mark at its beginning must cover it whole.
    logger.bind(**{SPEECH: True}).info("{}: {}", " ".join(speaker.split()), " ".join(text.split()))
