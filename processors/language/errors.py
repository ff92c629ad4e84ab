"""Errors of language model servers."""

from processors.errors import EngineError


class BusyError(EngineError):
    """The server takes no more requests for now."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message, retryable=True)
        self.retry_after_s = retry_after_s
        """Seconds after which it wants to be asked again, if it said so."""
