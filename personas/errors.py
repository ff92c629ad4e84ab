"""The root of the error tree, kept in the lowest room so that every room can raise from it.

AcoreError
└── PersonaError
    ├── CardError       a character card that cannot be read, or that breaks its specification
    └── LorebookError   a lorebook that cannot be read
"""


class AcoreError(Exception):
    """Anything Acore reports to its user in one line. The message names what to change."""


class PersonaError(AcoreError):
    """A character, lorebook or framework cannot be used."""


class CardError(PersonaError):
    """A character card cannot be read, or breaks its specification."""


class LorebookError(PersonaError):
    """A lorebook cannot be read."""
