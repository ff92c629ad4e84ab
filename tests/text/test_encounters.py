"""Characters that talk with each other: in turn, capped, stopped when asked, and by themselves only if they like."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from personas.behaviour import Kind
from personas.relationships import BondSettings
from processors.events import TextMessage
from processors.memory import Scene, SceneKind
from tests.text.cast.build import NOW_S, cast_of, profile
from text.cast import Cast
from text.encounters import Encounters

AVA, BRAM = profile("Ava"), profile("Bram")
SCENE = Scene(SceneKind.CHANNEL, "10", "1")
CHANNEL = cast(Any, None)


class Stage:
    """Encounters whose answers come at once, as the text worker gives them."""

    def __init__(self, characters: Cast, during: Callable[["Stage"], None] = lambda stage: None) -> None:
        self.said: list[TextMessage] = []
        self._characters = characters
        self._during = during
        self.fails = False
        self.encounters = Encounters(characters, self._give, "desk", lambda: NOW_S, rng=random.Random(1))

    async def _give(self, channel: object, letter: TextMessage) -> dict[str, str]:
        await asyncio.sleep(0)
        self.said.append(letter)
        self._during(self)
        if self.fails:
            return {letter.characters[0]: ""}
        self._characters.answered_character("1", "10", letter.characters[0], letter.company[0], NOW_S)
        return {letter.characters[0]: "Well."}

    @property
    def speakers(self) -> list[str]:
        return [letter.characters[0] for letter in self.said]

    async def over(self) -> None:
        """Wait until nobody talks."""
        async with asyncio.timeout(10):
            while self.encounters.running("10"):  # noqa: ASYNC110 - every step is one turn of the loop
                await asyncio.sleep(0)


@pytest.mark.parametrize(("asked", "cap", "turns"), [(4, 8, 4), (20, 6, 6), (None, 5, 5)])
async def test_they_take_turns_up_to_what_was_asked_for_and_the_cap(asked: int | None, cap: int, turns: int) -> None:
    stage = Stage(cast_of(AVA, BRAM, bonds=BondSettings(turn_cap=cap)))
    assert stage.encounters.begin(CHANNEL, SCENE, (AVA, BRAM), "the sea\nand more", asked)
    await stage.over()
    assert stage.speakers == ["ava", "bram", "ava", "bram", "ava", "bram"][:turns]
    assert "'the sea and more'" in stage.said[0].unbidden
    assert len({letter.key for letter in stage.said}) == turns


async def test_they_come_closer() -> None:
    characters = cast_of(AVA, BRAM)
    stage = Stage(characters)
    stage.encounters.begin(CHANNEL, SCENE, (AVA, BRAM), "", 5)
    await stage.over()
    assert characters.bond("1", "ava", "bram", NOW_S).affinity == 10


@pytest.mark.parametrize("words", ["stop", "Please stop it!", "OK, enough.", "hey, quiet you two"])
async def test_they_stop_when_somebody_asks_them_to(words: str) -> None:
    def ask(stage: Stage) -> None:
        if len(stage.said) == 3:
            stage.encounters.heard("10", words)

    stage = Stage(cast_of(AVA, BRAM), ask)
    stage.encounters.begin(CHANNEL, SCENE, (AVA, BRAM), "", None)
    await stage.over()
    assert len(stage.said) == 3


async def test_what_else_people_say_does_not_stop_them_and_gives_them_more_turns() -> None:
    def speak(stage: Stage) -> None:
        if len(stage.said) == 3:
            stage.encounters.heard("10", "This is boring. I cannot stop laughing.")

    stage = Stage(cast_of(AVA, BRAM, bonds=BondSettings(turn_cap=4)), speak)
    stage.encounters.begin(CHANNEL, SCENE, (AVA, BRAM), "", None)
    await stage.over()
    assert len(stage.said) == 3 + 3


async def test_there_is_one_at_a_time_in_a_channel_and_a_command_ends_it() -> None:
    stage = Stage(cast_of(AVA, BRAM))
    assert stage.encounters.begin(CHANNEL, SCENE, (AVA, BRAM), "", None)
    assert not stage.encounters.begin(CHANNEL, SCENE, (BRAM, AVA), "", None)
    assert stage.encounters.stop("10")
    await stage.over()
    assert stage.said == []
    assert not stage.encounters.stop("10")


async def test_it_is_over_when_an_answer_cannot_be_given() -> None:
    stage = Stage(cast_of(AVA, BRAM))
    stage.fails = True
    stage.encounters.begin(CHANNEL, SCENE, (AVA, BRAM), "", None)
    await stage.over()
    assert len(stage.said) == 1


async def test_closing_leaves_nothing_running() -> None:
    stage = Stage(cast_of(AVA, BRAM))
    stage.encounters.begin(CHANNEL, SCENE, (AVA, BRAM), "", None)
    await stage.encounters.close()
    assert not stage.encounters.running("10")


KEEN = BondSettings(banter_base=1, banter_cap=1, turn_cap=3)


def ambient(bonds: BondSettings) -> Cast:
    characters = cast_of(AVA, BRAM, bonds=bonds)
    characters.leave.set_ambient("1", "10", True)
    for id in ("ava", "bram"):
        characters.answered("1", "10", id, "7", "Hello.", NOW_S)
    return characters


async def test_in_an_ambient_channel_another_character_picks_up_what_one_said() -> None:
    stage = Stage(ambient(KEEN))
    stage.encounters.banter(CHANNEL, SCENE, "ava")
    await stage.over()
    assert stage.speakers == ["bram", "ava", "bram"]


async def test_one_that_does_not_feel_like_it_keeps_silent() -> None:
    stage = Stage(ambient(BondSettings(banter_base=0, banter_span=0)))
    stage.encounters.banter(CHANNEL, SCENE, "ava")
    assert not stage.encounters.running("10")


async def test_there_is_no_banter_where_it_is_not_wanted() -> None:
    characters = ambient(KEEN)
    characters.leave.switch("1", "10", Kind.PROACTIVE, False)
    stage = Stage(characters)
    stage.encounters.banter(CHANNEL, SCENE, "ava")
    characters.leave.switch("1", "10", Kind.PROACTIVE, True)
    characters.leave.set_ambient("1", "10", False)
    stage.encounters.banter(CHANNEL, SCENE, "ava")
    assert not stage.encounters.running("10")
