"""What comes to mind: the right thing, for the right people, in time."""

import asyncio
from pathlib import Path

import pytest

from processors.errors import EngineError, StorageError
from processors.floor import Heard
from processors.memory.port import NO_RECOLLECTION, Recollection, Scene
from processors.memory.recall import Recall
from processors.memory.room import RoomMemory
from processors.memory.service import ago
from processors.memory.words import match_query, share_of, telling_words
from tests.processors.memory.talk import ANNS_DM, BENS_DM, CHANNEL, DAY_S, ELSEWHERE, MODERATORS, VOICE, Talk, talk_on

SECRET = "My kettle is called Doris"


async def remembers(talk: Talk, **ask) -> bool:
    return any("Doris" in line for line in await talk.recall("What is my kettle called?", **ask))


async def tell(talk: Talk, scene: Scene, who: str = "ann") -> None:
    talk.say(SECRET, who=who, scene=scene)
    talk.clock.pass_by(7 * DAY_S)
    await talk.index()


async def test_what_was_said_by_voice_comes_to_mind_a_week_later_in_text(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        await tell(talk, VOICE)
        assert await talk.recall("What is my kettle called?") == ("1 week ago, Ann said: My kettle is called Doris",)


async def test_without_an_index_of_meanings_words_alone_are_searched(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        talk.say(SECRET)
        talk.clock.pass_by(DAY_S)
        assert await remembers(talk)


async def test_what_means_the_same_in_other_words_is_found_by_its_meaning(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        talk.say("my puppy chews shoes")
        talk.say("the weather stays grey")
        talk.clock.pass_by(DAY_S)
        assert await talk.recall("which animal do I have?") == ()
        await talk.index()
        assert await talk.recall("which animal do I have?") == ("1 day ago, Ann said: my puppy chews shoes",)


async def test_what_has_nothing_to_do_with_the_question_stays_below_the_floor(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        await tell(talk, CHANNEL)
        assert await talk.recall("Shall we play chess on Sunday?") == ()


async def test_what_is_in_the_conversation_already_is_not_recalled_again(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        talk.say(SECRET)
        await talk.index()
        assert not await remembers(talk)
        assert await remembers(talk, scene=VOICE)


@pytest.mark.parametrize("indexed", [False, True], ids=["by words", "by meaning too"])
@pytest.mark.parametrize(
    ("said_in", "by", "asked_in", "asked_by", "known"),
    [
        (ANNS_DM, "ann", ANNS_DM, "ann", True),
        (ANNS_DM, "ann", BENS_DM, "ben", False),
        (ANNS_DM, "ann", CHANNEL, "ben", False),
        (ANNS_DM, "ann", CHANNEL, "ann", False),
        (CHANNEL, "ann", CHANNEL, "ben", True),
        (CHANNEL, "ann", ANNS_DM, "ann", True),
        (CHANNEL, "ann", BENS_DM, "ben", False),
        (CHANNEL, "ann", ELSEWHERE, "ann", False),
        (MODERATORS, "ann", MODERATORS, "ben", True),
        (MODERATORS, "ann", CHANNEL, "ben", False),
        (MODERATORS, "ann", CHANNEL, "ann", False),
        (MODERATORS, "ann", ANNS_DM, "ann", True),
    ],
    ids=lambda value: getattr(value, "id", str(value)),
)
async def test_who_may_be_told(
    tmp_path: Path, said_in: Scene, by: str, asked_in: Scene, asked_by: str, known: bool, indexed: bool
) -> None:
    async with talk_on(tmp_path) as talk:
        talk.say(SECRET, who=by, scene=said_in)
        talk.clock.pass_by(DAY_S)
        if indexed:
            await talk.index()
        assert await remembers(talk, who=asked_by, scene=asked_in) is known


async def test_a_character_knows_only_what_it_was_told_itself(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        await tell(talk, CHANNEL)
        assert await remembers(talk, by="ava")
        assert not await remembers(talk, by="grumm")


async def test_what_is_forgotten_does_not_come_to_mind_again(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        await tell(talk, CHANNEL)
        assert talk.vectors.total == 1
        await talk.memory.forget("person = ?", ("ann",))
        assert not await remembers(talk)
        assert talk.vectors.total == 0
        assert await talk.memory.history(CHANNEL) == ()


async def test_only_the_newest_meanings_are_kept(tmp_path: Path) -> None:
    async with talk_on(tmp_path, recall={"vector_messages": 100}) as talk:
        for number in range(300):
            talk.say(f"message {number} about topic{number}")
        talk.clock.pass_by(DAY_S)
        await talk.index()
        assert 100 <= talk.vectors.total < 120
        assert "topic3" in (await talk.recall("topic3"))[0], "older ones are found by their words"


async def test_with_a_broken_index_of_meanings_words_remain(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        await tell(talk, CHANNEL)
        talk.vectors.broken = EngineError("out of order")
        assert await remembers(talk)


async def test_a_search_that_fails_lets_the_reply_be_made_without_it() -> None:
    async def search(scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        raise StorageError("the memory file cannot be read")

    recall = Recall(search, 1.0)
    assert await recall.recall(CHANNEL, "ava", ("ann",), "kettle") is NO_RECOLLECTION
    assert recall.figures.failed == 1


# --- deadline ---------------------------------------------------------------------------------------------------


def slow_recall(takes_s: list[float], deadline_s: float = 0.06) -> Recall:
    async def search(scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        await asyncio.sleep(takes_s.pop(0))
        return Recollection((text,))

    return Recall(search, deadline_s)


def test_what_is_found_late_serves_the_next_reply_once(virtually) -> None:
    async def main() -> None:
        recall = slow_recall([0.2, 5.0, 0.01, 5.0])
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        assert await recall.recall(CHANNEL, "ava", ("ann",), "first") is NO_RECOLLECTION
        assert loop.time() - began_s == pytest.approx(0.06)
        await asyncio.sleep(1)
        assert (await recall.recall(CHANNEL, "ava", ("ann",), "second")).lines == ("first",)
        assert (await recall.recall(CHANNEL, "ava", ("ann",), "third")).lines == ("third",)
        assert await recall.recall(CHANNEL, "ava", ("ann",), "fourth") is NO_RECOLLECTION
        await recall.close()

    virtually(main())


def test_what_came_late_in_one_place_is_not_told_in_another(virtually) -> None:
    async def main() -> None:
        recall = slow_recall([0.2, 5.0, 5.0])
        await recall.recall(ANNS_DM, "ava", ("ann",), "private")
        await asyncio.sleep(1)
        assert await recall.recall(CHANNEL, "ava", ("ben",), "public") is NO_RECOLLECTION
        assert await recall.recall(ANNS_DM, "grumm", ("ann",), "other") is NO_RECOLLECTION
        await recall.close()

    virtually(main())


class CountingMemory:
    """Answers every question with itself and notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def note(self, exchange) -> None:
        raise NotImplementedError

    async def history(self, scene, *, limit=50):
        raise NotImplementedError

    async def recall(self, scene, persona_id, speaker_ids, text) -> Recollection:
        self.asked.append(text)
        await asyncio.sleep(0.02)
        return Recollection((f"{','.join(speaker_ids)}: {text}",))


def test_what_was_looked_up_while_somebody_spoke_serves_the_reply_at_once(virtually) -> None:
    async def main() -> None:
        memory = CountingMemory()
        room = RoomMemory(memory, lambda: VOICE, "ava", reading_ms=200)
        room.prefetch((Heard("ann", "what is my kettle called"),))
        await asyncio.sleep(0.1)
        began_s = asyncio.get_running_loop().time()
        found = await room.recall((Heard("ann", "What is my kettle called, then?"),))
        assert asyncio.get_running_loop().time() == began_s
        assert found.lines == ("ann: what is my kettle called",)
        assert len(memory.asked) == 1
        found = await room.recall((Heard("ann", "And how old is my grandmother?"),))
        assert found.lines == ("ann: And how old is my grandmother?",), "another question is another search"
        await room.close()

    virtually(main())


def test_what_was_looked_up_for_one_speaker_is_not_used_for_another(virtually) -> None:
    async def main() -> None:
        room = RoomMemory(CountingMemory(), lambda: VOICE, "ava", reading_ms=200)
        room.prefetch((Heard("ann", "what is my kettle called"),))
        found = await room.recall((Heard("ben", "what is my kettle called"),))
        assert found.lines == ("ben: what is my kettle called",)
        await room.close()

    virtually(main())


# --- words --------------------------------------------------------------------------------------------------------


def test_telling_words_leave_out_what_everybody_says() -> None:
    assert telling_words("What's the name of my Kettle, do you know?") == ("name", "kettle")
    assert telling_words("Hm, yes, okay") == ("hm",)
    assert len(telling_words(" ".join(f"word{n}" for n in range(100)))) == 12


def test_a_question_is_no_query_language() -> None:
    assert match_query(telling_words('NEAR("a" b) OR text:kettle*"')) == '"near" OR "b" OR "text" OR "kettle"'


def test_endings_do_not_hide_a_shared_word() -> None:
    assert share_of(("kettles", "grandmother"), "my kettle whistled") == 0.5
    assert share_of((), "anything") == 0.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "just now"), (-50, "just now"), (61, "1 minute ago"), (3 * 3600, "3 hours ago"), (8 * DAY_S, "1 week ago")],
)
def test_times_are_told_in_words(seconds: float, words: str) -> None:
    assert ago(seconds) == words
