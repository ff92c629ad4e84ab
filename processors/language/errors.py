"""Errors of language model servers."""

from processors.errors import EngineError


class BusyError(EngineError):
    """The server takes no more requests for now."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message, retryable=True)
        self.retry_after_s = retry_after_s
        """Seconds after which it wants to be asked again, if it said so."""


def asked_wait_s(retry_after: str | None) -> float | None:
    """How long (s) a server wants to be left alone, by its `Retry-After` header. None if there is none, or nonsense in
    it, or a date: those are too rare to be told apart."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
