"""The cast: all characters of a bot together, who of them is where, and what they feel and remember of a server.

Text and voice ask the same `Cast`, so a character is one mind in both.
"""

from text.cast.cast import Cast, Urge
from text.cast.consent import MayRemember, anybody
from text.cast.cue import Cue
from text.cast.exchanges import Exchanges, LastWords
from text.cast.keeper import Keeper
from text.cast.likeness import LoreLikeness
from text.cast.roster import Roster, read_roster
from text.cast.settings import CastSettings
from text.cast.shelf import Shelf
from text.cast.store import FolderStore, StateStore

__all__ = [
    "Cast",
    "CastSettings",
    "Cue",
    "Exchanges",
    "FolderStore",
    "Keeper",
    "LastWords",
    "LoreLikeness",
    "MayRemember",
    "Roster",
    "Shelf",
    "StateStore",
    "Urge",
    "anybody",
    "read_roster",
]
