"""From a file of any of the public formats to a `Card`."""

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Literal, TypeVar

from personas.cards import charx, png
from personas.cards.jsontext import parse_json
from personas.cards.limits import DEFAULT_LIMITS, CardLimits
from personas.cards.model import SPEC_V1, SPEC_V2, SPEC_V3, TEXT_FIELDS, TEXT_LIST_FIELDS, Asset, Card, Json
from personas.errors import CardError

T = TypeVar("T")


def load_card(path: Path | str, limits: CardLimits = DEFAULT_LIMITS) -> Card:
    """Read a character card; the content decides the format, not the file's name.

    Raises:
        CardError: the file cannot be opened, breaks its format or a limit. The message begins with the path.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > limits.file_bytes:
            raise CardError(f"the file has {size} bytes; the limit is {limits.file_bytes}")
        with path.open("rb") as file:
            data = file.read(limits.file_bytes + 1)
        return decode_card(data, limits)
    except OSError as error:
        raise CardError(f"{path}: {error.strerror or error}") from None
    except CardError as error:
        raise CardError(f"{path}: {error}") from None


def decode_card(data: bytes, limits: CardLimits = DEFAULT_LIMITS) -> Card:
    """Read a card from the bytes of a JSON, PNG or CHARX file.

    Raises:
        CardError: none of the formats, or the file breaks its format or a limit.
    """
    if len(data) > limits.file_bytes:
        raise CardError(f"the file has more than {limits.file_bytes} bytes")
    if data.startswith(png.SIGNATURE):
        raw, picture = png.extract(data, limits)
        return replace(parse_card(parse_json(raw, limits)), avatar=picture)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return parse_card(parse_json(data, limits))
    # A zip may follow a picture (some programs write a JPEG with a CHARX behind it), so the end decides.
    if zipfile.is_zipfile(BytesIO(data)):
        raw, files = charx.extract(data, limits)
        return replace(parse_card(parse_json(raw, limits)), files=files)
    raise CardError("this is no character card: expected JSON, a PNG with a card in it, or a CHARX")


def parse_card(document: Json) -> Card:
    """Normalise the JSON of a V1, V2 or V3 card to a `Card`, keeping every field.

    Raises:
        CardError: not a card, an unknown `spec`, or a field of the wrong type (the message names it).
    """
    if not isinstance(document, dict):
        raise CardError("a card is a JSON object, and this is not")
    spec = document.get("spec")
    if spec is None and not isinstance(document.get("data"), dict):
        data, envelope, version = document, {}, "1.0"
        spec = SPEC_V1
    elif spec in (SPEC_V2, SPEC_V3):
        data = document.get("data")
        if not isinstance(data, dict):
            raise CardError(f"a card with spec {spec!r} keeps its fields in an object named `data`")
        envelope = {k: v for k, v in document.items() if k not in ("spec", "spec_version", "data")}
        version = _version(document.get("spec_version"), spec)
    else:
        raise CardError(f"`spec` is {spec!r}; it must be {SPEC_V2!r} or {SPEC_V3!r}")
    return _card(data, envelope, spec, version)


def _version(value: Json, spec: str) -> str:
    if value is None:
        return "2.0" if spec == SPEC_V2 else "3.0"
    return _text(str(value) if isinstance(value, int | float) else value, "spec_version")


_OPTIONAL = (
    "character_book",
    "assets",
    "nickname",
    "creator_notes_multilingual",
    "source",
    "creation_date",
    "modification_date",
)
_KNOWN = frozenset((*TEXT_FIELDS, *TEXT_LIST_FIELDS, "extensions", *_OPTIONAL))


def _card(
    data: Mapping[str, Json],
    envelope: Mapping[str, Json],
    spec: Literal["chara_card_v1", "chara_card_v2", "chara_card_v3"],
    version: str,
) -> Card:
    """Build the card. Null counts as absent everywhere: programs write it for both."""
    here = {key: value for key, value in data.items() if key in _KNOWN and value is not None}
    texts = {key: _text(here.get(key, ""), key) for key in TEXT_FIELDS}
    lists = {key: _texts(here.get(key, []), key) for key in TEXT_LIST_FIELDS}
    return Card(
        name=texts["name"],
        description=texts["description"],
        personality=texts["personality"],
        scenario=texts["scenario"],
        first_mes=texts["first_mes"],
        mes_example=texts["mes_example"],
        creator_notes=texts["creator_notes"],
        system_prompt=texts["system_prompt"],
        post_history_instructions=texts["post_history_instructions"],
        creator=texts["creator"],
        character_version=texts["character_version"],
        alternate_greetings=lists["alternate_greetings"],
        tags=lists["tags"],
        group_only_greetings=lists["group_only_greetings"],
        extensions=_object(here.get("extensions", {}), "extensions"),
        character_book=_optional(here, "character_book", _object),
        assets=_optional(here, "assets", _assets),
        nickname=_optional(here, "nickname", _text),
        creator_notes_multilingual=_optional(here, "creator_notes_multilingual", _texts_by_key),
        source=_optional(here, "source", _texts),
        creation_date=_optional(here, "creation_date", _number),
        modification_date=_optional(here, "modification_date", _number),
        other={key: value for key, value in data.items() if key not in _KNOWN},
        envelope=envelope,
        spec=spec,
        spec_version=version,
    )


def _optional(here: Mapping[str, Json], key: str, convert: Callable[[Json, str], T]) -> T | None:
    return convert(here[key], key) if key in here else None


def _text(value: Json, where: str) -> str:
    if not isinstance(value, str):
        raise CardError(f"`{where}` must be text, not {_kind(value)}")
    return value


def _texts(value: Json, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise CardError(f"`{where}` must be a list of texts, not {_kind(value)}")
    return tuple(_text(item, f"{where}[{i}]") for i, item in enumerate(value))


def _object(value: Json, where: str) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise CardError(f"`{where}` must be an object, not {_kind(value)}")
    return value


def _texts_by_key(value: Json, where: str) -> Mapping[str, str]:
    return {key: _text(item, f"{where}.{key}") for key, item in _object(value, where).items()}


def _number(value: Json, where: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CardError(f"`{where}` must be a number (Unix time in seconds), not {_kind(value)}")
    return value


def _assets(value: Json, where: str) -> tuple[Asset, ...]:
    if not isinstance(value, list):
        raise CardError(f"`{where}` must be a list of assets, not {_kind(value)}")
    return tuple(_asset(item, f"{where}[{i}]") for i, item in enumerate(value))


def _asset(value: Json, where: str) -> Asset:
    item = _object(value, where)
    named = {key: _text(item.get(key), f"{where}.{key}") for key in ("type", "uri", "name", "ext")}
    return Asset(**named, other={key: kept for key, kept in item.items() if key not in named})


def _kind(value: Json) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"
