"""JSON as card files need it: strict about numbers, bounded in size and depth, free of broken Unicode."""

import json
import math
from collections.abc import Iterator

from personas.cards.limits import CardLimits
from personas.cards.model import Json
from personas.errors import CardError


def parse_json(raw: bytes, limits: CardLimits) -> Json:
    """Decode UTF-8 JSON.

    Raises:
        CardError: too large, too deep, not UTF-8, not JSON, or a number that JSON cannot write back.
    """
    if len(raw) > limits.json_bytes:
        raise CardError(f"the card's JSON has {len(raw)} bytes; the limit is {limits.json_bytes}")
    try:
        text = raw.decode("utf-8-sig")
        document = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise CardError(f"the card's JSON is nested deeper than {limits.json_depth} levels") from None
    except UnicodeDecodeError as error:
        raise CardError(f"the card's JSON is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except ValueError as error:
        raise CardError(f"the card's JSON cannot be read: {error}") from None
    if any(depth > limits.json_depth for depth in _depths(document)):
        raise CardError(f"the card's JSON is nested deeper than {limits.json_depth} levels")
    return _mend(document) if "\\ud" in text.lower() else document


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:40]} is too large")
    return value


def _depths(document: Json) -> Iterator[int]:
    """The depth of every container, with an explicit stack: the document may be deeper than Python's."""
    stack = [(document, 1)]
    while stack:
        value, depth = stack.pop()
        if isinstance(value, dict | list):
            yield depth
            children = value.values() if isinstance(value, dict) else value
            stack.extend((child, depth + 1) for child in children if isinstance(child, dict | list))


def _mend(value: Json) -> Json:
    """Replace lone surrogates (`\\ud83d` without its half), which no encoder or tokenizer accepts."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_mend(key): _mend(item) for key, item in value.items()}
        case list():
            return [_mend(item) for item in value]
        case _:
            return value
