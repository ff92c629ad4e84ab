"""Lorebooks: knowledge that enters a prompt when the conversation calls for it (SillyTavern's world info)."""

from personas.lorebooks.likeness import alike, entries_by_meaning
from personas.lorebooks.model import Activated, Entry, Lorebook, Position
from personas.lorebooks.placing import NO_LORE, PlacedLore, place
from personas.lorebooks.read import card_lorebook, load_lorebook, read_lorebook
from personas.lorebooks.scan import LoreMessage, LoreScene, LoreSettings, Scan, scan
from personas.lorebooks.timed import LoreState

__all__ = [
    "NO_LORE",
    "Activated",
    "Entry",
    "LoreMessage",
    "LoreScene",
    "LoreSettings",
    "LoreState",
    "Lorebook",
    "PlacedLore",
    "Position",
    "Scan",
    "alike",
    "card_lorebook",
    "entries_by_meaning",
    "load_lorebook",
    "place",
    "read_lorebook",
    "scan",
]
