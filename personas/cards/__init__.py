"""Character cards: Tavern V1, V2 and V3 as JSON, PNG and CHARX, read and written without losing a field."""

from personas.cards.limits import CardLimits
from personas.cards.model import Asset, Card, Greeting
from personas.cards.read import decode_card, load_card, parse_card
from personas.cards.write import save_card

__all__ = ["Asset", "Card", "CardLimits", "Greeting", "decode_card", "load_card", "parse_card", "save_card"]
