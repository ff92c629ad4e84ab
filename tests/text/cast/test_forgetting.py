"""A person is forgotten by the cast on disk too, at once."""

from pathlib import Path

import pytest

from personas.lorebooks import LoreMessage
from tests.text.cast.build import NOW_S, cast_of, profile
from text.cast import Cast, FolderStore, Keeper, LastWords

AVA, BRAM = profile("Ava"), profile("Bram")


def texts_in(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.rglob("*") if path.is_file()]


async def test_who_is_forgotten_is_in_no_file_while_it_still_runs_and_others_are(tmp_path: Path) -> None:
    keeper = Keeper(FolderStore(tmp_path), write_after_s=0.0)
    cast = cast_of(AVA, BRAM, keeper=keeper)
    for person in ("90210", "8128"):
        cast.answered("7", "c", "ava", person, "Thanks!", NOW_S)
        cast.exchanges.answered("7", f"with-{person}", person, LastWords("ava", "You are welcome."), NOW_S)
    await keeper.flush()
    assert [(bond["server"], bond["with"], bond["exchanges"]) for bond in cast.bonds_of("90210")] == [("7", "ava", 1)]
    assert any("90210" in text for text in texts_in(tmp_path))
    assert cast.exchanges.of("90210") == [{"server": "7", "channel": "with-90210", "at_s": NOW_S}]
    assert await cast.forget_for_good("90210") == 1
    texts = [text.replace("with-90210", "") for text in texts_in(tmp_path)]
    assert not any("90210" in text for text in texts)
    assert cast.exchanges.last_words("with-90210") is None
    assert cast.exchanges.last_words("with-8128") is not None
    assert any("8128" in text for text in texts)
    assert cast.bonds_of("90210") == []
    await keeper.close()


async def test_a_server_is_forgotten_on_disk_too_whatever_was_still_to_be_written(tmp_path: Path) -> None:
    keeper = Keeper(FolderStore(tmp_path), write_after_s=0.0)
    cast = cast_of(AVA, BRAM, keeper=keeper)
    for guild in ("7", "8"):
        cast.answered(guild, "c", "ava", "90210", "Thanks!", NOW_S)
    await keeper.flush()
    cast.answered("7", "c", "ava", "90210", "Thanks!", NOW_S)
    await cast.forget_guild("7")
    await cast.forget_guild("no such server")
    assert [bond["server"] for bond in cast.bonds_of("90210")] == ["8"]
    await keeper.close()
    assert len(texts_in(tmp_path)) == 1


async def test_who_is_not_to_be_remembered_gains_no_bond_and_is_in_no_file(tmp_path: Path) -> None:
    keeper = Keeper(FolderStore(tmp_path), write_after_s=0.0)
    off: set[str] = set()
    cast = cast_of(AVA, BRAM, keeper=keeper, may_remember=lambda person, guild: person not in off)
    for _ in range(15):
        cast.answered("7", "c", "ava", "8128", "Thanks, I love that!", NOW_S)
    off |= {"90210", "8128"}
    cast.answered("7", "c", "ava", "90210", "Thanks, I love that!", NOW_S)
    cast.exchanges.answered("7", "c", "90210", LastWords("ava", "You are welcome."), NOW_S)
    assert cast.bonds_of("90210") == []
    assert cast.exchanges.goes_on("7", "c", "90210", NOW_S, 60), "whoever is answered may go on, as anybody"
    cast.exchanges.written("7", "c", "90211")
    assert not cast.exchanges.goes_on("7", "c", "90210", NOW_S, 60)
    assert [one["channel"] for one in cast.exchanges.of("90210")] == ["c"]
    await keeper.flush()
    assert not any("90210" in text for text in texts_in(tmp_path))
    # What was there before stays until it is forgotten, and is not spoken of.
    assert [bond["exchanges"] for bond in cast.bonds_of("8128")] == [15]
    assert not any("Mia" in line for line in state_for(cast, "8128"))
    off.clear()
    assert any(line.startswith("Mia is a friend") for line in state_for(cast, "8128"))
    cast.exchanges.forget("90210")
    assert cast.exchanges.of("90210") == []
    await keeper.close()


def state_for(cast: Cast, person: str) -> tuple[str, ...]:
    """What a character is told of how it stands to a person called Mia."""
    said = [LoreMessage("Mia", "Hello.")]
    return cast.cue("7", "c", "ava", user_id=person, user_name="Mia", messages=said, now_s=NOW_S).state


async def test_a_person_who_could_not_be_forgotten_on_disk_is_said_to_be_there(tmp_path: Path) -> None:
    folder = tmp_path / "cast"
    keeper = Keeper(FolderStore(folder), write_after_s=0.0)
    cast = cast_of(AVA, keeper=keeper)
    cast.answered("7", "c", "ava", "90210", "Thanks!", NOW_S)
    await keeper.flush()
    (folder / "7.json").unlink()
    (folder / "7.json").mkdir()
    with pytest.raises(OSError, match="could not be kept"):
        await cast.forget_for_good("90210")
    await keeper.close()
