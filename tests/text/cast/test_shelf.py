"""Characters and lorebooks from folders, and what commands may put there."""

import json
from pathlib import Path

import pytest

from personas.errors import PersonaError
from personas.library import bundled_characters
from tests.personas.cards.build import png, text_chunk, to_json, v3
from text.cast import Shelf
from text.cast import shelf as shelves
from text.cast.settings import ImportBy


def test_the_default_comes_first_and_an_imported_character_replaces_a_bundled_one(tmp_path: Path) -> None:
    (tmp_path / "ava.json").write_bytes(to_json(v3(name="Ava", description="Another Ava.")))
    (tmp_path / "zoe.json").write_bytes(to_json(v3(name="Zoë")))
    roster = Shelf("zoë", tmp_path).read()
    assert roster.default.id == "zoë"
    assert len(roster.profiles) == len(bundled_characters()) + 1
    ava = roster.find("Ava")
    assert ava
    assert ava.card.description == "Another Ava."


def test_what_cannot_be_used_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    no_framework = v3(name="Kit", extensions={"acore": {"framework": "none such"}})
    (tmp_path / "kit.json").write_bytes(to_json(no_framework))
    (tmp_path / "lux.json").write_bytes(to_json(v3(name="Lux", character_book={"entries": "no list"})))
    books = tmp_path / "books"
    books.mkdir()
    (books / "good.json").write_text(json.dumps({"entries": [{"keys": ["a"], "content": "A.", "enabled": True}]}))
    (books / "bad.json").write_text('{"entries": 3}')
    roster = Shelf("ava", tmp_path, books).read()
    assert len(roster.profiles) == len(bundled_characters())
    assert [book.name for book in roster.books] == ["good"]
    assert len(roster.failures) == 4


def test_what_everybody_knows_comes_after_what_the_character_knows(tmp_path: Path) -> None:
    (tmp_path / "world.json").write_text(json.dumps({"entries": [{"keys": ["a"], "content": "A.", "enabled": True}]}))
    roster = Shelf("bram", tmp_path / "none", tmp_path).read()
    assert [book.name for book in roster.books_of(roster.default)] == ["Bram Holloway", "world"]


def test_a_default_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match="no character 'nobody'"):
        Shelf("nobody", tmp_path).read()


def test_a_card_is_kept_once_unless_it_is_to_replace_another(tmp_path: Path) -> None:
    shelf = Shelf("ava", tmp_path / "kept")
    assert shelf.keep(to_json(v3(name="Kit", description="First."))).id == "kit"
    with pytest.raises(PersonaError, match="already") as refused:
        shelf.keep(to_json(v3(name="Kit")))
    assert str(tmp_path) not in shelf.shown(str(refused.value))
    shelf.keep(png(text_chunk("ccv3", v3(name="Kit", description="Second."))), overwrite=True)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["kit.png"]
    kit = shelf.read().find("kit")
    assert kit
    assert kit.card.description == "Second."


@pytest.mark.parametrize(
    "data",
    [b"", b"not a card", b"{}", to_json(v3(name="Kit", extensions={"acore": {"framework": "none such"}}))],
)
def test_what_cannot_be_played_is_not_kept(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(PersonaError):
        Shelf("ava", tmp_path / "kept").keep(data)
    assert not (tmp_path / "kept").exists()


def test_there_are_never_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "MOST_KEPT", 2)
    shelf = Shelf("ava", tmp_path)
    for name in ("One", "Two"):
        shelf.keep(to_json(v3(name=name)))
    with pytest.raises(PersonaError, match="2 imported characters already"):
        shelf.keep(to_json(v3(name="Three")))


def test_only_the_folder_set_aside_is_imported_and_paths_are_kept_private(tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match="CHARACTERS_IMPORT_FOLDER"):
        Shelf("ava", tmp_path / "kept").keep_folder()
    imports = tmp_path / "imports"
    shelf = Shelf("ava", tmp_path / "kept", imports=imports)
    with pytest.raises(PersonaError, match="not there"):
        shelf.keep_folder()
    imports.mkdir()
    (imports / "a.json").write_bytes(to_json(v3(name="Kit")))
    (imports / "b.json").write_bytes(b"{")
    (imports / "notes.txt").write_text("no card")
    imported = shelf.keep_folder()
    assert imported.names == ("kit",)
    [failure] = imported.failures
    assert failure.startswith("b.json: ")
    assert shelf.keep_folder().names == ()


@pytest.mark.parametrize(
    ("by", "servers", "owner_only"),
    [
        ("auto", 1, False),
        ("auto", 2, True),
        ("owner", 1, True),
        ("managers", 2, False),
    ],
)
def test_what_changes_every_server_is_for_the_owner_when_there_are_several(
    tmp_path: Path, by: ImportBy, servers: int, owner_only: bool
) -> None:
    assert Shelf("ava", tmp_path, import_by=by).is_for_owner_only(servers) is owner_only
