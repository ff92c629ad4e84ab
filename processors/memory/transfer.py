"""A scene's conversation as a file, and back."""

import json
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from processors.errors import AcoreError
from processors.memory.history import COLUMNS, NOBODY, scope_of
from processors.memory.port import Scene
from processors.memory.profiles.claims import clean
from processors.memory.service import MemoryService
from processors.memory.writer import Statement

LARGEST_FILE = 8 * 1024 * 1024
_MOST_MESSAGES = 20_000
_IMPORTED = "import:"


class ChatFileError(AcoreError):
    """A file is no conversation that can be read. The message says why, for whoever sent it."""


class ChatMessage(BaseModel, extra="ignore"):
    """One message of the file."""

    speaker: str = Field(max_length=64)
    name: str = Field(max_length=64)
    by_character: bool = False
    text: str = Field(max_length=4000)
    at_s: float = Field(ge=0, le=1e11)


class ChatFile(BaseModel, extra="ignore"):
    """The whole file."""

    format: Literal["acore-chat"] = "acore-chat"
    version: Literal[1] = 1
    messages: list[ChatMessage] = Field(max_length=_MOST_MESSAGES)


async def export_chat(memory: MemoryService, scene: Scene) -> bytes:
    """The conversation of a scene, the latest messages if there are very many."""
    await memory.store.settle()
    rows = await memory.store.read(
        "SELECT speaker, name, by_character, text, at_s FROM messages WHERE place = ? AND kind = ?"
        " ORDER BY id DESC LIMIT ?",
        (scene.id, scene.kind, _MOST_MESSAGES),
    )
    messages = [
        ChatMessage.model_construct(**{**dict(row), "by_character": bool(row["by_character"])})
        for row in reversed(rows)
    ]
    file = {"format": "acore-chat", "version": 1, "messages": [message.model_dump() for message in messages]}
    return json.dumps(file, ensure_ascii=False, indent=1).encode()


def read_chat(content: bytes) -> Sequence[ChatMessage]:
    """The messages of a file.

    Raises:
        ChatFileError: it is no such file.
    """
    if len(content) > LARGEST_FILE:
        raise ChatFileError(f"The file is larger than {LARGEST_FILE >> 20} MB.")
    try:
        return ChatFile.model_validate_json(content).messages
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ChatFileError(f"This is no conversation I can read: {where or 'file'}: {first['msg']}") from None


async def import_chat(memory: MemoryService, scene: Scene, persona_id: str, messages: Sequence[ChatMessage]) -> int:
    """Put a conversation in front of a scene's. Nothing is learned about people from what somebody says they said."""
    rows = []
    person = NOBODY
    for one in messages:
        person = person if one.by_character else one.speaker.removeprefix(_IMPORTED)
        speaker = persona_id if one.by_character else f"{_IMPORTED}{person}"
        where = (scene.kind, scene.id, scene.guild_id, persona_id)
        said = (person, speaker, clean(one.name), int(one.by_character), one.text, one.at_s)
        rows.append((*where, *said, scope_of(scene)))
    marks = ", ".join("?" * 11)
    memory.store.write(Statement(f"INSERT INTO messages ({COLUMNS}) VALUES ({marks})", rows))
    await memory.store.settle(30.0)
    memory.conversations.forget()
    return len(rows)


async def clear_history(memory: MemoryService, scene: Scene) -> None:
    """Forget what was said in a scene."""
    await memory.forget("place = ? AND kind = ?", (scene.id, scene.kind))
