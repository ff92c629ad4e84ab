"""How a setting is named in the environment.

A field `engine` of the group `hearing` is `HEARING_ENGINE` there, unless it carries an `Env` with the name people
already know it by: `engine: Annotated[str, Env("STT_ENGINE")]`.
"""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True, slots=True)
class Env:
    """The environment variable that sets a field."""

    name: str


@dataclass(frozen=True, slots=True)
class Follows:
    """Another setting whose value decides this one's default; the example file leaves such a field commented out."""

    setting: str


class SettingsGroup(BaseModel):
    """Base of every settings group: frozen, strict about unknown names, documented by the docstrings of its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
