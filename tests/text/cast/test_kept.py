"""What a cast remembers survives a restart, is written seldom, and is never more than so much."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from personas.behaviour import Kind, Said
from personas.errors import PersonaError
from personas.relationships import Bond
from processors.errors import SettingError
from tests.text.cast.build import NOW_S, cast_of, profile
from text.cast import FolderStore, Keeper, LastWords
from text.cast.state import MOST_BONDS, MOST_CHANNELS, MOST_POSTS, ChannelState, GuildState

AVA, BRAM = profile("Ava"), profile("Bram")


class Counting:
    """A store in memory that counts."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.writes = 0
        self.written = threading.Event()
        self.broken = False

    def read(self) -> dict[str, Any]:
        return self.documents

    def write(self, key: str, document: Any) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.writes += 1
        self.written.set()
        self.documents[key] = json.loads(json.dumps(document))

    def drop(self, key: str) -> None:
        self.documents.pop(key, None)


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    keeper = Keeper(FolderStore(tmp_path / "cast"))
    cast = cast_of(AVA, BRAM, keeper=keeper)
    cast.choose("7", "c", "bram")
    cast.leave.set_ambient("7", "c", True)
    cast.leave.switch("7", "c", Kind.REACTION, False)
    cast.observe("7", Said("c", "1", "I love the sea and the moon!", NOW_S))
    cast.answered("7", "c", "bram", "1", "Thanks!", NOW_S)
    cast.answered("", "dm", "ava", "1", "Hello!", NOW_S)
    cast.exchanges.answered("7", "c", "1", LastWords("bram", "A secret."), NOW_S)
    cast.exchanges.posted("7", "5", "bram")
    cast.begin_session("7", "d", "ava", NOW_S, greeting=1)
    await keeper.close()
    kept = (tmp_path / "cast" / "7.json").read_text()
    assert "secret" not in kept, "what was said is memory's to keep, and consent's to forbid"

    again = Keeper(FolderStore(tmp_path / "cast"))
    await again.load()
    assert again.all() == keeper.all()
    restarted = cast_of(AVA, BRAM, keeper=again)
    assert restarted.lead("7", "c") is BRAM
    assert restarted.leave.is_ambient("7", "c")
    assert restarted.leave.channels == {"c"}
    assert restarted.leave.switched_off("7", "c") == {Kind.REACTION}
    assert restarted.bond("7", "bram", "1", NOW_S).exchanges == 1
    assert restarted.bond("", "ava", "1", NOW_S).exchanges == 1
    assert restarted.exchanges.goes_on("7", "c", "1", NOW_S + 1, 300)
    assert restarted.exchanges.author("7", "5") == "bram"
    assert again.get("7").channel("d").greeting == 1


async def test_many_changes_are_written_once() -> None:
    store = Counting()
    keeper = Keeper(store, write_after_s=0.05)
    cast = cast_of(AVA, keeper=keeper)
    for _ in range(20):
        cast.answered("7", "c", "ava", "1", "Hello.", NOW_S)
    assert store.writes == 0
    assert await asyncio.to_thread(store.written.wait, 10)
    await keeper.close()
    assert store.writes == 1


async def test_what_could_not_be_written_is_said_and_written_with_the_next_change(caplog: Any) -> None:
    store = Counting()
    keeper = Keeper(store, write_after_s=0)
    cast = cast_of(AVA, keeper=keeper)
    store.broken = True
    cast.answered("7", "c", "ava", "1", "Hello.", NOW_S)
    await asyncio.sleep(0.05)
    store.broken = False
    cast.answered("7", "c", "ava", "1", "Hello.", NOW_S)
    await keeper.close()
    assert store.documents["7"]["bonds"]["by_pair"]


@pytest.mark.parametrize("content", ["{", '{"channels": 3}'])
async def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "7.json").write_text(content)
    with pytest.raises((SettingError, PersonaError), match="begin anew"):
        await Keeper(FolderStore(tmp_path)).load()
    assert (tmp_path / "7.json").read_text() == content


def test_of_too_many_channels_the_one_nobody_arranged_and_untouched_for_longest_goes() -> None:
    state = GuildState()
    state = state.with_channel("arranged", ChannelState(ambient=True, touched_s=0))
    for n in range(MOST_CHANNELS):
        state = state.with_channel(str(n), ChannelState(touched_s=float(n + 1)))
    assert len(state.channels) == MOST_CHANNELS
    assert "arranged" in state.channels
    assert "0" not in state.channels
    assert "1" in state.channels


def test_of_too_many_bonds_the_one_that_is_oldest_goes() -> None:
    state = GuildState()
    for n in range(MOST_BONDS + 1):
        state = state.with_bond("ava", str(n), Bond(exchanges=1, met_s=float(n)))
    assert len(state.bonds.by_pair) == MOST_BONDS
    assert state.bonds.between("ava", "0").exchanges == 0
    assert state.bonds.between("ava", "1").exchanges == 1


def test_of_too_many_posts_the_oldest_goes() -> None:
    state = GuildState()
    for n in range(MOST_POSTS + 1):
        state = state.with_post(str(n), "ava")
    assert len(state.posts) == MOST_POSTS
    assert "0" not in state.posts
    assert state.posts["1"] == "ava"
