"""The one error that stays inside this room."""

from __future__ import annotations

from processors.errors import ModelError


class SourceError(ModelError):
    """One source of a file failed; the next may serve. The store gathers these into a `ModelMissingError`."""
