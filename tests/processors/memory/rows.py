"""Rows of the messages table, for tests that need no more than one."""

from processors.memory.store import Store
from processors.memory.writer import Statement

_INSERT = (
    "INSERT INTO messages (kind, place, guild, persona, person, speaker, name, by_character, text, at_s, scope)"
    " VALUES ('channel', 'c1', 'g1', 'ava', 'u1', 'u1', 'Ann', 0, ?, ?, 'open')"
)


def insert(*texts: str) -> Statement:
    """A statement that adds a message for each text."""
    return Statement(_INSERT, tuple((text, float(n)) for n, text in enumerate(texts)))


async def texts(store: Store) -> list[str]:
    """The texts of all messages, oldest first."""
    return [row["text"] for row in await store.read("SELECT text FROM messages ORDER BY id")]
