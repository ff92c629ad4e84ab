"""`acore cards`, run as a user runs it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from personas.cards import load_card, parse_card
from pipeline.cli import app
from pipeline.cli_cards import cards_app
from tests.personas.cards.build import charx, png, text_chunk, to_json, v2, v3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "characters"


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """Three good cards of three formats, a broken one and a file that is no card."""
    cards = tmp_path / "cards"
    cards.mkdir()
    (cards / "a.json").write_bytes(to_json(v2(name="Dr. Who")))
    (cards / "b.png").write_bytes(png(text_chunk("chara", v2(name="Zoë"))))
    (cards / "c.charx").write_bytes(charx(v3(name="Kit"), {"assets/a.png": png()}))
    (cards / "d.json").write_bytes(b"{")
    (cards / "notes.txt").write_text("not a card")
    return cards


def run(*args: object) -> Result:
    return CliRunner().invoke(cards_app, [str(arg) for arg in args], env={"COLUMNS": "300"})


def test_importing_a_folder_keeps_what_is_good_and_names_what_is_not(cards: Path, folder: Path) -> None:
    result = run("import", cards, "--folder", folder)
    assert result.exit_code == 1
    assert "d.json" in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["dr-who.json", "kit.charx", "zoë.png"]
    assert load_card(folder / "zoë.png") == parse_card(v2(name="Zoë"))


def test_importing_again_needs_overwrite(cards: Path, folder: Path) -> None:
    assert run("import", cards / "a.json", "-f", folder).exit_code == 0
    again = run("import", cards / "a.json", "-f", folder)
    assert again.exit_code == 1
    assert "already" in again.stderr
    assert run("import", cards / "a.json", "-f", folder, "--overwrite").exit_code == 0


@pytest.mark.parametrize("suffix", [".json", ".png", ".charx"])
def test_a_bundled_character_is_exported_by_name(tmp_path: Path, folder: Path, suffix: str) -> None:
    target = tmp_path / f"out{suffix}"
    assert run("export", "Ava", target, "-f", folder).exit_code == 0
    assert load_card(target).name == "Ava"


def test_an_imported_character_is_exported_by_name(cards: Path, folder: Path, tmp_path: Path) -> None:
    run("import", cards / "b.png", "-f", folder)
    assert run("export", "zoë", tmp_path / "z.json", "-f", folder).exit_code == 0
    assert json.loads((tmp_path / "z.json").read_text())["spec"] == "chara_card_v3"


@pytest.mark.parametrize(("name", "target", "message"), [("nobody", "a.json", "ava"), ("ava", "a.txt", ".png")])
def test_a_wrong_export_is_one_clear_line(tmp_path: Path, folder: Path, name: str, target: str, message: str) -> None:
    result = run("export", name, tmp_path / target, "-f", folder)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_check_refuses_a_card_whose_settings_are_wrong_as_the_bot_would(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(to_json(v2(extensions={"acore": {"pronunciations": {"SQL": "/sequel"}}})))
    result = run("check", path)
    assert result.exit_code == 1
    assert f"{path}: " in result.stderr
    assert "`extensions.acore.pronunciations`: '/sequel', for 'SQL', is no spelling" in result.stderr


def test_check_tells_good_cards_from_odd_and_broken_ones(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_bytes(to_json(v3()))
    (tmp_path / "odd.json").write_bytes(to_json(v3(first_mes="")))
    fine = run("check", tmp_path)
    assert fine.exit_code == 0
    assert "good.json: good" in fine.stdout
    assert "`first_mes` is empty" in fine.stdout
    (tmp_path / "bad.json").write_bytes(b"{")
    broken = run("check", tmp_path)
    assert broken.exit_code == 1
    assert "bad.json" in broken.stderr


def test_list_shows_bundled_and_imported_characters(cards: Path, folder: Path) -> None:
    run("import", cards / "a.json", "-f", folder)
    (folder / "broken.json").write_text("{")
    result = run("list", "-f", folder)
    assert result.exit_code == 0
    assert "dr-who" in result.stdout
    assert "af_heart" in result.stdout
    assert "broken.json" in result.stderr


def test_cards_are_kept_where_the_bot_looks_for_them(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACORE_DATA_DIR", str(tmp_path / "bot"))
    result = CliRunner().invoke(app, ["cards", "import", str(cards / "a.json")])
    assert result.exit_code == 0, result.output + result.stderr
    assert (tmp_path / "bot" / "characters" / "dr-who.json").exists()


def test_an_export_says_what_its_format_cannot_hold(tmp_path: Path, folder: Path) -> None:
    icon = {"type": "icon", "uri": "embeded://a.png", "name": "main", "ext": "png"}
    (tmp_path / "mira.charx").write_bytes(charx(v3(assets=[icon]), {"a.png": png()}))
    for suffix, told in ((".json", True), (".png", True), (".charx", False)):
        result = run("export", tmp_path / "mira.charx", tmp_path / f"out{suffix}", "--folder", folder)
        assert result.exit_code == 0
        assert ("does not have: a.png" in result.output) is told
