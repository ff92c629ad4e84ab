"""What a conversation reaches back to, in memory and after a restart."""

from pathlib import Path

import pytest

from processors.memory import history
from processors.memory.history import Window, conversation
from processors.memory.port import Exchange, Scene, SceneKind, Utterance
from tests.processors.memory.talk import ANNS_DM, CHANNEL, VOICE, Talk, WallClock, talk_on

THREAD = Scene(SceneKind.THREAD, "t1", guild_id="g1", parent_id="general")


async def said(talk: Talk, scene: Scene = CHANNEL) -> list[str]:
    return [one.text for one in await talk.memory.history(scene, limit=1000)]


def at(*times_s: float) -> list[Utterance]:
    return [Utterance("u", "U", str(n), time_s) for n, time_s in enumerate(times_s)]


async def test_both_sides_are_remembered_in_their_order_with_their_names(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        talk.say("hello", reply="hi Ann")
        talk.say("and me", who="ben")
        names = [(one.name, one.text, one.by_character) for one in await talk.memory.history(CHANNEL)]
        assert names == [("Ann", "hello", False), ("Ava", "hi Ann", True), ("Ben", "and me", False)]


async def test_a_conversation_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        talk.say("hello", reply="hi Ann")
    async with talk_on(tmp_path) as talk:
        talk.say("still there?")
        assert await said(talk) == ["hello", "hi Ann", "still there?"]


async def test_every_place_has_its_own_conversation(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        talk.say("public")
        talk.say("private", scene=ANNS_DM)
        assert await said(talk) == ["public"]
        assert await said(talk, ANNS_DM) == ["private"]


@pytest.mark.parametrize(
    ("scene", "most", "idle_min"), [(CHANNEL, 50, 30), (THREAD, 30, 15), (ANNS_DM, 20, 10)], ids=lambda x: str(x)
)
async def test_each_kind_of_place_has_its_limit_and_its_pause(
    tmp_path: Path, scene: Scene, most: int, idle_min: float
) -> None:
    async with talk_on(tmp_path) as talk:
        for number in range(most + 5):
            talk.say(str(number), scene=scene)
        assert await said(talk, scene) == [str(number) for number in range(5, most + 5)]
        talk.clock.pass_by(idle_min * 60 - 1)
        assert len(await said(talk, scene)) == most
        talk.clock.pass_by(2)
        assert await said(talk, scene) == []


async def test_a_voice_conversation_reaches_back_to_its_session(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        talk.say("yesterday", scene=VOICE)
        talk.clock.pass_by(7200)
        session = Scene(VOICE.kind, VOICE.id, VOICE.guild_id, since_s=talk.clock())
        talk.say("today", scene=session)
        talk.clock.pass_by(7200)
        talk.say("after a long silence", scene=session)
        assert await said(talk, session) == ["today", "after a long silence"]


async def test_a_pause_within_a_channel_begins_a_new_conversation(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        talk.say("old")
        talk.clock.pass_by(31 * 60)
        talk.say("new")
        assert await said(talk) == ["new"]


def test_a_clock_set_back_or_far_ahead_cuts_nothing_that_belongs_together() -> None:
    window = Window(most=10, idle_s=60)
    assert len(conversation(at(1000, 1010, 400, 410), window, now_s=420)) == 4
    assert len(conversation(at(1000), window, now_s=10)) == 1


async def test_only_so_many_places_are_kept_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_SCENES_AT_HAND", 4)
    async with talk_on(tmp_path) as talk:
        scenes = [Scene(SceneKind.CHANNEL, f"c{number}", guild_id="g1") for number in range(10)]
        for scene in scenes:
            talk.say(f"in {scene.id}", scene=scene)
            assert await said(talk, scene) == [f"in {scene.id}"]
        assert len(talk.memory.conversations._at_hand) == 4
        assert await said(talk, scenes[0]) == ["in c0"], "what is not at hand is read from the store"


async def test_a_turn_in_which_nothing_was_said_leaves_nothing(tmp_path: Path) -> None:
    async with talk_on(tmp_path, WallClock()) as talk:
        talk.memory.note(Exchange(VOICE, "ava", ()))
        assert await said(talk, VOICE) == []
