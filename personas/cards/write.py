"""From a `Card` back to a file: V3 JSON, a PNG that V2 programs can read too, or a CHARX."""

import base64
import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from personas.cards import png
from personas.cards.charx import CARD_ENTRY
from personas.cards.decorators import without_decorators
from personas.cards.limits import DEFAULT_LIMITS
from personas.cards.model import SPEC_V2, SPEC_V3, TEXT_FIELDS, TEXT_LIST_FIELDS, Asset, Card, Json
from personas.cards.portrait import plain_portrait
from personas.errors import CardError

BACKFILL_NOTE = (
    "This character card is a Character Card V3, loaded as a V2. "
    "Use a program that reads V3 to get all of the character.\n\n"
)
"""V3 asks for such a warning in the `creator_notes` of the V2 card written beside the V3 one."""


def save_card(card: Card, path: Path | str) -> None:
    """Write a card in the format its path's suffix names: `.json`, `.png` or `.charx`.

    Raises:
        CardError: another suffix, or the file cannot be written.
    """
    path = Path(path)
    encode = _ENCODERS.get(path.suffix.lower())
    if encode is None:
        raise CardError(f"{path}: choose a file name that ends in {', '.join(_ENCODERS)}")
    try:
        path.write_bytes(encode(card))
    except OSError as error:
        raise CardError(f"{path}: {error.strerror or error}") from None


def left_out(card: Card, path: Path | str) -> tuple[str, ...]:
    """What of a card's pictures and other files a file of that name cannot hold; people must be told (V3, `assets`)."""
    suffix = Path(path).suffix.lower()
    picture = ("its picture",) if card.avatar is not None and suffix != ".png" else ()
    return (*picture, *(card.files if suffix != ".charx" else ()))


def card_document(card: Card) -> dict[str, Json]:
    """The card as the JSON object of a V3 card, with everything its file held."""
    data: dict[str, Json] = {key: getattr(card, key) for key in TEXT_FIELDS}
    data |= {key: list(getattr(card, key)) for key in TEXT_LIST_FIELDS}
    data["extensions"] = card.extensions
    optional = {
        "character_book": card.character_book,
        "assets": None if card.assets is None else [_asset(asset) for asset in card.assets],
        "nickname": card.nickname,
        "creator_notes_multilingual": card.creator_notes_multilingual,
        "source": None if card.source is None else list(card.source),
        "creation_date": card.creation_date,
        "modification_date": card.modification_date,
    }
    data |= {key: value for key, value in optional.items() if value is not None}
    # A newer card stays marked as one: its unknown fields are still in it.
    version = card.spec_version if card.spec == SPEC_V3 else "3.0"
    return {**card.envelope, "spec": SPEC_V3, "spec_version": version, "data": {**card.other, **data}}


def v2_document(card: Card) -> dict[str, Json]:
    """The card for programs that know only V2: the V3 fields stay as unknown ones, decorators are removed."""
    document = card_document(card)
    data: dict[str, Json] = {**document["data"], "creator_notes": BACKFILL_NOTE + card.creator_notes}
    book = card.character_book
    if book is not None and isinstance(book.get("entries"), list):
        data["character_book"] = {**book, "entries": [_v2_entry(entry) for entry in book["entries"]]}
    return {**document, "spec": SPEC_V2, "spec_version": "2.0", "data": data}


def _v2_entry(entry: Json) -> Json:
    if isinstance(entry, dict) and isinstance(entry.get("content"), str):
        return {**entry, "content": without_decorators(entry["content"])}
    return entry


def _asset(asset: Asset) -> dict[str, Json]:
    return {**asset.other, "type": asset.type, "uri": asset.uri, "name": asset.name, "ext": asset.ext}


def encode_json(card: Card) -> bytes:
    """The card as V3 JSON, UTF-8, readable."""
    return json.dumps(card_document(card), ensure_ascii=False, indent=2).encode()


def encode_png(card: Card) -> bytes:
    """The card as a PNG: `ccv3` for V3 programs and `chara` for older ones, both tEXt as the
    specification asks.

    The picture is the one the card came with, else its embedded icon, else a plain one.
    """
    picture = _picture(card)
    cards = {"ccv3": card_document(card), "chara": v2_document(card)}
    out = bytearray(png.SIGNATURE)
    for chunk in png.read_chunks(picture, DEFAULT_LIMITS):
        if chunk.kind == b"IEND":
            for name, document in cards.items():
                text = base64.b64encode(json.dumps(document, ensure_ascii=False).encode())
                out += png.Chunk(b"tEXt", name.encode("latin-1") + b"\0" + text).encode()
        if png.keyword(chunk) not in png.CARD_KEYWORDS:
            out += chunk.encode()
    return bytes(out)


def _picture(card: Card) -> bytes:
    if card.avatar is not None:
        return card.avatar
    icons = [asset for asset in card.effective_assets if asset.type == "icon"]
    for asset in sorted(icons, key=lambda asset: asset.name != "main"):
        embedded = card.files.get(asset.uri.removeprefix("embeded://"), b"")
        if embedded.startswith(png.SIGNATURE):
            return embedded
    return plain_portrait(card.name)


def encode_charx(card: Card) -> bytes:
    """The card as a CHARX with every file it came with."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CARD_ENTRY, encode_json(card))
        for path, content in card.files.items():
            archive.writestr(path, content)
    return out.getvalue()


_ENCODERS: dict[str, Callable[[Card], bytes]] = {
    ".json": encode_json,
    ".png": encode_png,
    ".charx": encode_charx,
}
