"""Every setting, once: the groups that live beside what they set, read from `acore.toml` and the environment.

A value in the environment wins over the file. Names are checked, values are validated, and the first thing that is
wrong stops the start with one line: what it is called, what it was, and what is allowed.
"""

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from pipeline.loop import LoopSettings
from processors.endpointing import TurnPolicy
from processors.errors import SettingError
from processors.hearing.settings import HearingSettings
from processors.language.settings import LanguageSettings
from processors.memory.settings import MemorySettings
from processors.models.settings import ModelSettings
from processors.setting_names import Env, Follows, SettingsGroup
from processors.speaking.rvc import RvcSettings
from processors.speaking.settings import SpeakingSettings
from processors.thinking.settings import ThinkingSettings
from text.cast.settings import CastSettings
from text.settings import DiscordSettings, TextSettings
from transports.discord.settings import DiscordVoiceSettings

SETTINGS_FILE = "acore.toml"


class PersonaSettings(SettingsGroup):
    """Who the bot is."""

    character: str = "ava"
    """A bundled character by name, or the path of a character card (JSON, PNG or CHARX)."""
    user_name: str = "friend"
    """What the character calls somebody whose name it does not know."""


class DataSettings(SettingsGroup):
    """What must survive a restart."""

    folder: Annotated[Path | None, Env("ACORE_DATA_DIR")] = None
    """Folder of opt-outs and the like; empty for the platform's user data folder."""


class LogSettings(SettingsGroup):
    """What is logged, and where."""

    level: Annotated[Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"], Env("LOG_LEVEL")] = "WARNING"
    """Least severe level shown on the terminal."""
    folder: Path | None = None
    """Folder of the rotating log file (10 MB, 5 kept; from INFO on, all with --debug); empty for none."""
    speech: bool = False
    """Log what people say and what is answered (at INFO). Off: no user's words reach a log."""


class Settings(SettingsGroup):
    """All settings."""

    hearing: HearingSettings = HearingSettings()
    turns: TurnPolicy = TurnPolicy()
    language: LanguageSettings = LanguageSettings()
    thinking: ThinkingSettings = ThinkingSettings()
    memory: MemorySettings = MemorySettings()
    speaking: SpeakingSettings = SpeakingSettings()
    rvc: RvcSettings = RvcSettings()
    persona: PersonaSettings = PersonaSettings()
    characters: CastSettings = CastSettings()
    discord: DiscordSettings = DiscordSettings()
    text: TextSettings = TextSettings()
    discord_voice: DiscordVoiceSettings = DiscordVoiceSettings()
    models: ModelSettings = ModelSettings()
    data: DataSettings = DataSettings()
    log: LogSettings = LogSettings()
    loop: LoopSettings = LoopSettings()


@dataclass(frozen=True, slots=True)
class Setting:
    """One leaf of the settings tree."""

    path: tuple[str, ...]
    """Table names and the field's own name."""
    env: str
    """Its name in the environment."""
    field: FieldInfo

    @property
    def secret(self) -> bool:
        """Whether its value is never shown."""
        return self.field.annotation is not None and "SecretStr" in str(self.field.annotation)

    @property
    def toml_name(self) -> str:
        """How an error names it: `[hearing.ear] start_ms`."""
        return f"[{'.'.join(self.path[:-1])}] {self.path[-1]}"


def all_settings(group: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Every leaf of the settings tree: a group's own fields, then those of the groups inside it."""
    inner: list[tuple[type[BaseModel], tuple[str, ...]]] = []
    for name, field in group.model_fields.items():
        where = (*path, name)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            inner.append((kind, where))
        else:
            given = next((meta.name for meta in field.metadata if isinstance(meta, Env)), None)
            yield Setting(where, given or "_".join(where).upper(), field)
    for kind, where in inner:
        yield from all_settings(kind, where)


def value_of(settings: Settings, setting: Setting) -> Any:
    """The value of one leaf."""
    value: Any = settings
    for name in setting.path:
        value = getattr(value, name)
    return value


def load_settings(file: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `file` (default: `acore.toml` in the working folder, if there is one) and the environment.

    Raises:
        SettingError: a name is unknown or a value not allowed, or the file cannot be read.
    """
    environ = os.environ if environ is None else environ
    values = _read_file(file)
    _refuse_unknown_names(environ)
    for setting in all_settings():
        if (raw := environ.get(setting.env)) is not None:
            _put(values, setting.path, _parse(raw, setting))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingError(_describe(error, environ)) from None


def example_toml() -> str:
    """The commented example file: every setting with its meaning, its name in the environment and its default."""
    lines = [
        "# Acore settings. Copy this file to acore.toml and change what you need; every line shows the default.",
        "# Each setting can also be given in the environment, under the name at the end of its comment.",
    ]
    table: tuple[str, ...] | None = None
    for setting in all_settings():
        if setting.path[:-1] != table:
            table = setting.path[:-1]
            lines += ["", f"[{'.'.join(table)}]"]
        meaning = " ".join((setting.field.description or "").split())
        lines.append(f"# {meaning} ({setting.env})")
        default = setting.field.get_default(call_default_factory=True)
        shown = "" if default is None else _toml(default)
        follows = any(isinstance(meta, Follows) for meta in setting.field.metadata)
        commented = "# " if default is None or follows else ""
        lines.append(f"{commented}{setting.path[-1]} = {shown}")
    return "\n".join(lines) + "\n"


def _read_file(file: Path | None) -> dict[str, Any]:
    path = file or Path(SETTINGS_FILE)
    if file is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"the settings file {path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"the settings file {path} is not valid TOML: {error}") from None


def _refuse_unknown_names(environ: Mapping[str, str]) -> None:
    known = {setting.env for setting in all_settings()}
    prefixes = tuple(
        f"{name.upper()}_" for name in ("hearing", "turns", "speaking", "rvc", "persona", "characters", "acore")
    )
    for name in environ:
        if name.startswith(prefixes) and name not in known:
            raise SettingError(f"there is no setting {name}{_suggest(name, known)}")


def _suggest(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else "; `acore settings` lists them all"


def _parse(raw: str, setting: Setting) -> Any:
    """Text from the environment as TOML would have given it; pydantic does the rest."""
    if raw == "" and setting.field.get_default(call_default_factory=True) is None:
        return None
    if raw.startswith("["):
        try:
            return json.loads(raw)
        except ValueError:
            raise SettingError(f'{setting.env} is {raw!r}; a list is written like ["one", "two"]') from None
    return raw


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise SettingError(f"{name} in the settings file must be a table: [{name}]")
        values = inner
    values[path[-1]] = value


def _describe(error: ValidationError, environ: Mapping[str, str]) -> str:
    first = error.errors()[0]
    path = tuple(str(part) for part in first["loc"])
    known = {setting.path: setting for setting in all_settings()}
    setting = next((known[path[:end]] for end in range(len(path), 0, -1) if path[:end] in known), None)
    if first["type"] == "extra_forbidden":
        names = {".".join(p) for p in known}
        return f"there is no setting {'.'.join(path)} in the settings file{_suggest('.'.join(path), names)}"
    if setting is None:
        return f"{'.'.join(path) or 'the settings'}: {first['msg']}"
    rule = first["msg"].removeprefix("Value error, ")
    rule = rule.removeprefix("Input ").replace("should be", "it must be")
    shown = repr(first["input"])
    if setting.env in environ:
        return f"{setting.env} is {shown}; {rule} (in the file: {setting.toml_name})"
    return f"{setting.toml_name} is {shown}; {rule} (in the environment: {setting.env})"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case tuple() | list():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
        case _:
            return json.dumps(str(value), ensure_ascii=False)
