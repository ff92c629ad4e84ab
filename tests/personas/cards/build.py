"""Small factories for card files, made by hand so that the tests do not lean on the code they test."""

import base64
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any

V1: dict[str, Any] = {
    "name": "Mira",
    "description": "A lighthouse keeper.",
    "personality": "calm",
    "scenario": "A storm.",
    "first_mes": "Hello {{user}}.",
    "mes_example": "<START>\n{{user}}: hi\n{{char}}: hello",
}


def v2(**data: Any) -> dict[str, Any]:
    """A complete V2 card with `data` changed."""
    added = {
        "creator_notes": "notes",
        "system_prompt": "",
        "post_history_instructions": "",
        "alternate_greetings": ["Ahoy."],
        "tags": ["sea"],
        "creator": "me",
        "character_version": "1",
        "extensions": {},
    }
    return {"spec": "chara_card_v2", "spec_version": "2.0", "data": {**V1, **added, **data}}


def v3(**data: Any) -> dict[str, Any]:
    """A complete V3 card with `data` changed."""
    card = v2(**{"group_only_greetings": [], **data})
    return {**card, "spec": "chara_card_v3", "spec_version": "3.0"}


def to_json(document: Any) -> bytes:
    return json.dumps(document).encode()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def text_chunk(keyword: str, document: Any, form: str = "tEXt") -> bytes:
    """`document` as base64 JSON in a text chunk: `tEXt`, `zTXt`, `iTXt` or `iTXt compressed`."""
    value = base64.b64encode(to_json(document))
    name = keyword.encode("latin-1") + b"\0"
    match form:
        case "tEXt":
            return chunk(b"tEXt", name + value)
        case "zTXt":
            return chunk(b"zTXt", name + b"\0" + zlib.compress(value))
        case "iTXt":
            return chunk(b"iTXt", name + b"\0\0\0\0" + value)
        case _:
            return chunk(b"iTXt", name + b"\1\0\0\0" + zlib.compress(value))


def png(*text_chunks: bytes, width: int = 1, height: int = 1) -> bytes:
    """A one-pixel picture with `text_chunks` between its pixels and its end."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    body = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + b"".join(text_chunks) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def charx(document: Any, files: Mapping[str, bytes] | None = None) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", to_json(document))
        for path, data in (files or {}).items():
            archive.writestr(path, data)
    return out.getvalue()
