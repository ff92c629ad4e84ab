"""Whether a person lets the characters remember them."""

from collections.abc import Callable

MayRemember = Callable[[str, str], bool]
"""`(person, server)`: by their ids, "" for no server."""


def anybody(person: str, guild_id: str) -> bool:
    """Where nobody is asked, everybody does."""
    return True
