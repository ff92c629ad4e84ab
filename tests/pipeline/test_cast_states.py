"""What the characters remember stands in the memory file, survives a restart, and goes with a server or a person."""

import asyncio
import json
from pathlib import Path

import pytest

from pipeline.cast_states import MemoryStates, take_over
from pipeline.characters import running_cast, shelf_of
from pipeline.forgetting import left_servers
from pipeline.settings import Settings, load_settings
from processors.errors import StorageError
from processors.memory.file import FILE
from processors.memory.remembrance import Remembrance
from processors.memory.store import open_store
from tests.processors.memory.talk import Talk, talk_on
from tests.processors.memory.thoughts import NO_MODEL
from text.cast import Cast, FolderStore

NOW_S = 1_800_000_000.0
ANN, GUILD = "902109021090210", "812881288128812"


def settings_for(folder: Path) -> Settings:
    return load_settings(environ={"ACORE_DATA_DIR": str(folder)})


def files_with(folder: Path, word: str) -> list[str]:
    """The files below a folder that hold a word."""
    return [path.name for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def met(cast: Cast) -> dict[str, int]:
    """How many exchanges Ann has had, by server."""
    return {bond["server"]: bond["exchanges"] for bond in cast.bonds_of(ANN)}


async def test_bonds_are_in_the_memory_file_and_survive_a_restart(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    for times in (1, 2):
        async with open_store(tmp_path) as store, running_cast(settings, shelf_of(settings), store) as cast:
            cast.answered(GUILD, "c", "ava", ANN, "Thanks!", NOW_S)
            assert met(cast) == {GUILD: times}
    assert files_with(tmp_path, ANN) == [FILE]
    assert not (tmp_path / "cast").exists()


async def test_without_memory_they_are_in_a_folder_and_move_from_there(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with running_cast(settings, shelf_of(settings), None) as cast:
        cast.answered(GUILD, "c", "ava", ANN, "Thanks!", NOW_S)
    assert files_with(tmp_path / "cast", ANN) == [f"{GUILD}.json"]
    async with open_store(tmp_path) as store, running_cast(settings, shelf_of(settings), store) as cast:
        assert met(cast) == {GUILD: 1}
        cast.answered(GUILD, "c", "ava", ANN, "Thanks!", NOW_S)
    assert not (tmp_path / "cast").exists()
    async with open_store(tmp_path) as store, running_cast(settings, shelf_of(settings), store) as cast:
        assert met(cast) == {GUILD: 2}


async def test_what_the_memory_file_has_is_not_replaced_and_damaged_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "cast"
    FolderStore(folder).write("1", {"old": True})
    FolderStore(folder).write("2", {"old": True})
    async with open_store(tmp_path) as store:
        states = MemoryStates(store)
        await asyncio.to_thread(states.write, "1", {"new": True})
        await asyncio.to_thread(take_over, folder, states)
        assert await asyncio.to_thread(states.read) == {"1": {"new": True}, "2": {"old": True}}
        await asyncio.to_thread(states.drop, "1")
        assert await asyncio.to_thread(states.read) == {"2": {"old": True}}
        FolderStore(folder).write("3", {"old": True})
        (folder / "4.json").write_text("{gone wrong")
        with pytest.raises(Exception, match=r"4\.json is damaged"):
            await asyncio.to_thread(take_over, folder, states)
        assert json.loads((folder / "3.json").read_text()) == {"old": True}


async def test_a_disk_that_does_not_take_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_store(tmp_path) as store:
        states = MemoryStates(store)

        async def never(within_s: float = 5.0) -> bool:
            return False

        with monkeypatch.context() as patch:
            patch.setattr(store, "settle", never)
            with pytest.raises(OSError, match="the disk takes too long"):
                await asyncio.to_thread(states.write, "1", {})
            FolderStore(tmp_path / "cast").write("2", {"old": True})
            # To begin without them would be to forget them.
            with pytest.raises(StorageError, match="cannot be moved into the memory file: the disk takes too long"):
                await asyncio.to_thread(take_over, tmp_path / "cast", states)
            assert (tmp_path / "cast" / "2.json").exists()


@pytest.mark.parametrize("forget", [True, False])
async def test_a_server_that_is_left_goes_with_what_the_characters_remember_of_it(tmp_path: Path, forget: bool) -> None:
    settings = settings_for(tmp_path)
    async with talk_on(tmp_path) as talk:
        store = talk.memory.store
        async with running_cast(settings, shelf_of(settings), store) as cast:
            remembrance = await _remembrance(talk, tmp_path)
            for guild in (GUILD, "7"):
                cast.answered(guild, "c", "ava", ANN, "Thanks!", NOW_S)
            await cast.forget_for_good("nobody")  # writes what is not yet written
            cast.answered(GUILD, "c", "ava", ANN, "Thanks!", NOW_S)
            await left_servers(remembrance, cast, forget=forget)(GUILD)
            assert met(cast) == {"7": 1} | ({} if forget else {GUILD: 2})
            assert (files_with(tmp_path, GUILD) == []) == forget
    assert (files_with(tmp_path, GUILD) == []) == forget
    assert files_with(tmp_path, ANN) != []


async def test_a_person_who_is_forgotten_is_in_no_byte_of_the_memory_file(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with talk_on(tmp_path) as talk, running_cast(settings, shelf_of(settings), talk.memory.store) as cast:
        remembrance = await _remembrance(talk, tmp_path)
        for _ in range(3):
            cast.answered(GUILD, "c", "ava", ANN, "Thanks!", NOW_S)
            await cast.forget_for_good("nobody")
        assert files_with(tmp_path, ANN) != []
        assert await cast.forget_for_good(ANN) == 1
        await remembrance.eraser.forget(ANN)
        assert files_with(tmp_path, ANN) == []


async def _remembrance(talk: Talk, folder: Path) -> Remembrance:
    remembrance = Remembrance(talk.memory, folder, talk.settings, NO_MODEL, talk.clock)
    await remembrance.consent.load()
    return remembrance
