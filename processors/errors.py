"""Errors of the middle rooms. The whole tree, whose root lives in `personas.errors`:

AcoreError
├── PersonaError
│   ├── CardError
│   └── LorebookError
├── SettingError            a setting is unknown or its value is not allowed
├── AudioError              a sound file cannot be read or written
├── ModelError              the files of a model
│   ├── ModelMissingError   not on this machine, and not to be had offline
│   └── ModelCorruptError   its checksum or shape is wrong; it is never loaded
├── StorageError            what is to be remembered cannot be kept
├── EngineError             a speech, language or voice engine failed (`retryable` says whether to ask again)
└── DiscordVoiceError       raised in `transports.discord`
"""

from personas.errors import AcoreError, CardError, LorebookError, PersonaError


class SettingError(AcoreError):
    """A setting is unknown or its value is not allowed. The message names it, its value and what is allowed."""


class AudioError(AcoreError):
    """A sound file cannot be read or written. The message names the file."""


class ModelError(AcoreError):
    """The files of a model are unusable."""


class ModelMissingError(ModelError):
    """The model is not on this machine and could not be fetched."""


class ModelCorruptError(ModelError):
    """A model file's checksum or shape is wrong; it is never loaded."""


class StorageError(AcoreError):
    """What is to be remembered cannot be kept or read. The message names the folder and says what to do."""


class EngineError(AcoreError):
    """A speech-to-text, language, text-to-speech or voice conversion engine failed."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable
        """Whether the same request may succeed later without anyone changing a setting."""


__all__ = [
    "AcoreError",
    "AudioError",
    "CardError",
    "EngineError",
    "LorebookError",
    "ModelCorruptError",
    "ModelError",
    "ModelMissingError",
    "PersonaError",
    "SettingError",
    "StorageError",
]
