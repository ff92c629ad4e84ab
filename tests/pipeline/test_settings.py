"""Settings: every one is documented, checked, read by something, and in the example file."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings import Setting, Settings, all_settings, example_toml, load_settings, value_of
from processors.errors import SettingError

ROOT = Path(__file__).parents[2]
ROOMS = ("pipeline", "processors", "transports", "text", "personas", "bench")
SETTINGS = {".".join(setting.path): setting for setting in all_settings()}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_example_file_is_the_one_the_code_makes() -> None:
    """If this fails: `acore settings example > acore.example.toml`."""
    assert (ROOT / "acore.example.toml").read_text(encoding="utf-8") == example_toml()


def test_the_example_file_is_valid_and_shows_the_defaults(here: Path) -> None:
    (here / "acore.toml").write_text(example_toml(), encoding="utf-8")
    assert load_settings(environ={}) == Settings()


def test_the_example_file_names_every_setting_once() -> None:
    text = example_toml()
    for setting in SETTINGS.values():
        assert len(re.findall(rf"\({setting.env}\)$", text, re.MULTILINE)) == 1, setting.env
        assert len(re.findall(rf"^(?:# )?{setting.path[-1]} = ", text, re.MULTILINE)) >= 1, setting.path


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_says_what_it_means(name: str) -> None:
    meaning = SETTINGS[name].field.description or ""
    assert len(meaning) > 10
    assert meaning.endswith(".")


def test_no_two_settings_share_a_name_in_the_environment() -> None:
    names = [setting.env for setting in SETTINGS.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["LLM_PROVIDER", "TTS_ENGINE", "STT_ENGINE", "LOG_LEVEL", "ACORE_MODELS_DIR"])
def test_names_people_know_are_kept(name: str) -> None:
    assert name in {setting.env for setting in SETTINGS.values()}


def test_the_environment_wins_over_the_file(here: Path) -> None:
    (here / "acore.toml").write_text('[turns]\neager_ms = 200\ncomplete_ms = 400\n[log]\nlevel = "INFO"\n')
    settings = load_settings(environ={"TURNS_EAGER_MS": "128"})
    assert (settings.turns.eager_ms, settings.turns.complete_ms, settings.log.level) == (128, 400, "INFO")


def test_a_profile_sets_the_silences_that_are_not_set_themselves(here: Path) -> None:
    settings = load_settings(environ={"TURNS_PROFILE": "snappy", "TURNS_OPEN_MS": "999"})
    assert (settings.turns.complete_ms, settings.turns.open_ms) == (192, 999)


def test_lists_are_written_as_in_toml(here: Path) -> None:
    settings = load_settings(environ={"HEARING_SCRIPTED_LINES": '["One.", "Two."]'})
    assert settings.hearing.scripted_lines == ("One.", "Two.")
    with pytest.raises(SettingError, match="HEARING_SCRIPTED_LINES"):
        load_settings(environ={"HEARING_SCRIPTED_LINES": "[One"})


def test_an_empty_value_unsets_what_can_be_unset(here: Path) -> None:
    (here / "acore.toml").write_text('[log]\nfolder = "logs"\n')
    assert load_settings(environ={"LOG_FOLDER": ""}).log.folder is None


@pytest.mark.parametrize(
    ("environ", "mentioned"),
    [
        ({"TURNS_EAGER_MS": "soon"}, ["TURNS_EAGER_MS", "'soon'", "integer", "[turns] eager_ms"]),
        ({"TURNS_EAGER_MS": "5"}, ["TURNS_EAGER_MS", "'5'", "32"]),
        ({"TURNS_PROFILE": "hasty"}, ["TURNS_PROFILE", "'hasty'", "snappy", "balanced", "patient"]),
        ({"LOG_LEVEL": "LOUD"}, ["LOG_LEVEL", "'LOUD'", "WARNING"]),
        ({"LOG_SPEECH": "perhaps"}, ["LOG_SPEECH", "'perhaps'"]),
        ({"TURNS_EAGRE_MS": "100"}, ["TURNS_EAGRE_MS", "did you mean TURNS_EAGER_MS?"]),
        ({"HEARING_WHATEVER": "1"}, ["HEARING_WHATEVER"]),
    ],
)
def test_a_wrong_name_or_value_in_the_environment_says_what_is_allowed(
    environ: dict[str, str], mentioned: list[str], here: Path
) -> None:
    with pytest.raises(SettingError) as error:
        load_settings(environ=environ)
    assert "\n" not in str(error.value)
    for word in mentioned:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("content", "mentioned"),
    [
        ("[turns]\neager_ms = 5\n", ["[turns] eager_ms", "5", "32", "TURNS_EAGER_MS"]),
        ("[turns]\neagre_ms = 100\n", ["turns.eagre_ms", "did you mean turns.eager_ms?"]),
        ("[hearing.ears]\nstart_ms = 100\n", ["hearing.ears"]),
        ("turns = 3\n", ["turns"]),
        ("[turns\n", ["acore.toml", "TOML"]),
    ],
)
def test_a_wrong_name_or_value_in_the_file_says_what_is_allowed(content: str, mentioned: list[str], here: Path) -> None:
    (here / "acore.toml").write_text(content)
    with pytest.raises(SettingError) as error:
        load_settings(environ={})
    assert "\n" not in str(error.value)
    for word in mentioned:
        assert word in str(error.value)


def test_a_settings_file_that_is_named_must_be_there(here: Path) -> None:
    with pytest.raises(SettingError, match=r"mine\.toml"):
        load_settings(here / "mine.toml", environ={})


# --- nothing that nothing reads ---------------------------------------------------------------------------------


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def aliases(tree: ast.Module) -> dict[str, str]:
    """Other names of groups in a module: `given` after `given = settings.openai`."""
    return {
        target.id: node.value.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def owner(node: ast.expr) -> str:
    """The last name of what an attribute is taken from: `hearing` in `self._settings.hearing.engine`."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name.lstrip("_")
        case _:
            return ""


def reads() -> set[tuple[str, str]]:
    """Every (owner, attribute) that code loads, and (owner, "*") for a group that is dumped whole."""
    found: set[tuple[str, str]] = set()
    for _, tree in modules():
        also = aliases(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                name, attribute = owner(node.value), "*" if node.attr == "model_dump" else node.attr
                found |= {(name, attribute), (also.get(name, name), attribute)}
    return found


_HOLDERS = {"settings", "policy", "options", "config", "self"}
"""Names under which code holds a group: `settings.engine` in hearing, `self._policy.eager_ms` in turns."""


_READ_BY_VALIDATION = {("turns", "profile")}
"""The profile chooses the silences while the settings are read; afterwards only they count."""


def is_read(setting: Setting, found: set[tuple[str, str]]) -> bool:
    if setting.path in _READ_BY_VALIDATION:
        return True
    group, name = setting.path[-2], setting.path[-1]
    return any((holder, name) in found for holder in {*_HOLDERS, group}) or (
        # Whole groups go into a request (the sampling) only; a report that lists its settings reads none of them.
        group == "sampling" and (group, "*") in found
    )


def test_every_setting_is_read_by_something() -> None:
    found = reads()
    assert [name for name, setting in SETTINGS.items() if not is_read(setting, found)] == []


def test_a_setting_that_nothing_reads_would_be_noticed() -> None:
    setting = SETTINGS["turns.eager_ms"]
    unread = Setting((*setting.path[:-1], "eager_but_unread_ms"), setting.env, setting.field)
    assert is_read(setting, reads())
    assert not is_read(unread, reads())


def test_secrets_are_not_shown() -> None:
    for setting in SETTINGS.values():
        if setting.secret and (value := value_of(Settings(), setting)) is not None:
            assert "*" in str(value) or str(value) == ""


def test_the_example_is_toml() -> None:
    assert set(tomllib.loads(example_toml())) <= set(Settings.model_fields)
