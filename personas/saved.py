"""States to JSON and back. A state is a frozen dataclass of plain values; its type is its format."""

from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from personas.errors import PersonaError

T = TypeVar("T")


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_json(state: Any) -> Any:
    """A dataclass as what `json.dumps` takes."""
    return _adapter(type(state)).dump_python(state, mode="json")


def from_json(kind: type[T], document: Any) -> T:
    """The state that `to_json` gave. Fields added since then have their defaults.

    Raises:
        PersonaError: the document is not such a state.
    """
    try:
        return _adapter(kind).validate_python(document)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise PersonaError(f"the saved {kind.__name__} cannot be read at `{where}`; remove it to begin anew") from None
