"""A conversation as a file and back: `/export_chat` and `/import_chat`. What comes in is anybody's, and bounded."""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from processors.errors import StorageError
from processors.memory.history import INSERT, scope_of
from processors.memory.port import Scene
from processors.memory.store import Store
from processors.memory.writer import Statement

MOST_BYTES = 8_000_000
MOST_MESSAGES = 10_000
_AT_ONCE = 500

_Name = Annotated[str, Field(max_length=100)]


class ExportedMessage(BaseModel, extra="ignore"):
    """One message of an exported conversation."""

    speaker: _Name
    """A person's id, or a character's."""
    name: _Name
    text: Annotated[str, Field(min_length=1, max_length=4000)]
    at_s: Annotated[float, Field(ge=0, le=4e9, allow_inf_nan=False)]
    """Seconds since 1970."""
    by_character: bool = False
    persona: _Name = ""
    """The character that heard it or said it."""


class ExportedHistory(BaseModel, extra="ignore"):
    """The file."""

    format: Literal["acore-history"] = "acore-history"
    version: Literal[1] = 1
    messages: Annotated[list[ExportedMessage], Field(max_length=MOST_MESSAGES)]


async def export_history(store: Store, scene: Scene) -> bytes:
    """The newest messages of a scene, oldest first, as JSON of at most `MOST_BYTES`."""
    await store.settle()
    rows = await store.read(
        "SELECT * FROM messages WHERE place = ? AND kind = ? ORDER BY id DESC LIMIT ?",
        (scene.id, scene.kind, MOST_MESSAGES),
    )
    messages: list[ExportedMessage] = []
    left = MOST_BYTES - 100
    for row in rows:
        one = ExportedMessage.model_construct(
            speaker=row["speaker"][:100],
            name=row["name"][:100],
            text=row["text"][:4000],
            at_s=row["at_s"],
            by_character=bool(row["by_character"]),
            persona=row["persona"],
        )
        left -= len(one.model_dump_json().encode()) + 1
        if left < 0:
            break
        messages.append(one)
    return ExportedHistory(messages=messages[::-1]).model_dump_json().encode()


async def import_history(
    store: Store,
    scene: Scene,
    persona_id: str,
    content: bytes,
    *,
    by: str,
    allows: Callable[[str], bool] = lambda speaker: True,
) -> int:
    """Add the messages of a file to a scene, of the speakers (ids) who allow it, and the answers to them; how many that
    were.

    The file may put words into anybody's mouth. So what it says counts as nobody's in a public place, and as the
    importing person's own (`by`) in private: it is never told to another as something of theirs.

    Raises:
        StorageError: it is no such file, or too large.
    """
    if len(content) > MOST_BYTES:
        raise StorageError(
            f"the file has {len(content) / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} MB can be imported"
        )
    try:
        history = ExportedHistory.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "its beginning"
        raise StorageError(f"this is no exported conversation: at {where}: {first['msg'].lower()}") from None
    person = by if scene.private else ""
    rows = [
        (
            *(scene.kind, scene.id, scene.guild_id, one.persona or persona_id, person),
            *(one.speaker, one.name, int(one.by_character), one.text, one.at_s, scope_of(scene), ""),
        )
        for one in _allowed(history.messages, allows)
    ]
    for at in range(0, len(rows), _AT_ONCE):
        store.write(Statement(INSERT, rows[at : at + _AT_ONCE]))
    await store.settle()
    return len(rows)


def _allowed(messages: list[ExportedMessage], allows: Callable[[str], bool]) -> list[ExportedMessage]:
    """An answer may quote anybody who spoke since the one before it."""
    kept: list[ExportedMessage] = []
    answered, all_allow = True, True
    for one in messages:
        if one.by_character:
            answered = True
            if not all_allow:
                continue
        else:
            allowed = allows(one.speaker)
            all_allow, answered = allowed and (answered or all_allow), False
            if not allowed:
                continue
        kept.append(one)
    return kept
