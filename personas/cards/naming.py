"""Ids from any name: what a command's argument, a settings key or a file can be called."""

import unicodedata
from hashlib import blake2b

_MAX_CHARS = 64
_NOT_A_FILE_NAME = frozenset(
    ("con", "prn", "aux", "nul", *(f"{device}{n}" for device in ("com", "lpt") for n in range(10)))
)
"""Names Windows keeps for devices."""


def character_id(name: str) -> str:
    """A stable id: letters and digits of any script in lower case, joined by single hyphens, 1-64 characters.

    "HAL-9000" gives `hal-9000`, "Zoë" `zoë`, "Dr. Who" `dr-who`; a name of symbols only gives
    `character-` and a digest. The id of an id is itself.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    # Categories: letters, marks (vowel signs of Hindi or Thai are marks), numbers.
    words = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in folded).split()
    slug = "-".join(words)[:_MAX_CHARS].strip("-")
    if not slug:
        return f"character-{blake2b(name.encode('utf-8', 'replace'), digest_size=4).hexdigest()}"
    return f"{slug}-character" if slug in _NOT_A_FILE_NAME else slug
