"""The text worker on its bus: every message answered once, in order, by whom it is for."""

import asyncio
import contextlib

from processors.events import Attachment, TurnRecord
from processors.floor import Heard
from processors.lanes import Priority
from processors.memory import Scene, SceneKind
from tests.text.build import CHANNEL, OTHER, Echo, answers, cast_of, letter, settings, text_side, whole
from text.history import RecentHistory


async def test_an_answer_streams_and_then_stands_whole() -> None:
    async with text_side(Echo()) as side:
        replies = await answers(side, letter("Good day"))
    assert "".join(reply.text for reply in replies) == "You said: Good day"
    assert [reply.text for reply in replies[:2]] == ["You", " said:"]
    last = replies[-1]
    assert (last.character, last.done, last.last, last.whole, last.trouble) == (
        "ava",
        True,
        True,
        "You said: Good day",
        "",
    )


async def test_twenty_messages_are_answered_once_each_and_in_order() -> None:
    llm = Echo()
    async with text_side(llm) as side:
        got: list[str] = []

        async def ask(number: int) -> None:
            got.append(await whole(side, letter(f"number {number}", key=f"burst-{number}")))

        await asyncio.gather(*(ask(number) for number in range(20)))
    assert got == [f"You said: number {number}" for number in range(20)]
    assert len(llm.asked) == 20


async def test_a_message_that_comes_twice_is_answered_once() -> None:
    llm = Echo()
    async with text_side(llm) as side:
        first, at_the_same_time = await asyncio.gather(
            answers(side, letter("Hello", key="same")), answers(side, letter("Hello", key="same"))
        )
        later = await answers(side, letter("Hello", key="same"))
    assert first[-1].whole == "You said: Hello"
    assert at_the_same_time == []
    assert [reply.whole for reply in later] == [""]
    assert len(llm.asked) == 1


async def test_several_addressees_answer_in_turn_and_know_what_the_others_said() -> None:
    llm = Echo()
    async with text_side(llm) as side:
        replies = await answers(side, letter("Ava and Bram, how are you?", "ava", "bram-holloway"))
    assert [(reply.character, reply.last) for reply in replies if reply.done] == [
        ("ava", False),
        ("bram-holloway", True),
    ]
    assert len(llm.asked) == 2
    assert "You said: Ava and Bram, how are you?" in llm.prompts[1]
    assert llm.prompts[1].count("Alice: Ava and Bram, how are you?") == 1


async def test_text_waits_behind_voice() -> None:
    llm = Echo()
    async with text_side(llm) as side:
        await answers(side, letter("Hello"))
    assert [priority for _, _, priority in llm.asked] == [Priority.BACKGROUND]


async def test_what_was_written_before_the_model_was_ready_is_answered_then() -> None:
    llm = Echo()
    async with text_side(None) as side:
        asking = asyncio.create_task(whole(side, letter("Are you up?")))
        await asyncio.sleep(0.05)
        assert not asking.done()
        side.worker.bind(llm)
        assert await asking == "You said: Are you up?"


async def test_channels_do_not_wait_for_each_other() -> None:
    held = Echo(hold=asyncio.Event())
    async with text_side(held) as side:
        slow = asyncio.create_task(whole(side, letter("slow", scene=CHANNEL)))
        quick = asyncio.create_task(whole(side, letter("quick", scene=OTHER)))
        async with asyncio.timeout(5):
            while len(held.asked) < 2:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.01)
        assert held.hold
        held.hold.set()
        assert [await slow, await quick] == ["You said: slow", "You said: quick"]


async def test_no_more_than_so_many_answers_are_written_at_once() -> None:
    held = Echo(hold=asyncio.Event())
    async with text_side(held, TEXT_AT_ONCE="2") as side:
        scenes = [Scene(SceneKind.CHANNEL, str(number), "1") for number in range(5)]
        asking = [asyncio.create_task(whole(side, letter("Hello", scene=scene))) for scene in scenes]
        await asyncio.sleep(0.1)
        assert len(held.asked) == 2
        assert held.hold
        held.hold.set()
        await asyncio.gather(*asking)
    assert len(held.asked) == 5


async def test_what_is_too_much_is_refused_in_words_and_the_rest_answered() -> None:
    held = Echo(hold=asyncio.Event())
    async with text_side(held, TEXT_WAITING="2") as side:
        asking = [asyncio.create_task(answers(side, letter(f"number {number}"))) for number in range(3)]
        refused = (await asking[2])[-1]
        assert "Too many messages" in refused.trouble
        assert held.hold
        held.hold.set()
        assert [(await one)[-1].whole for one in asking[:2]] == ["You said: number 0", "You said: number 1"]


async def test_a_cancelled_answer_ends_and_is_remembered_as_far_as_it_was_written() -> None:
    held, memory = Echo(hold=asyncio.Event()), RecentHistory()
    async with text_side(held, memory) as side:
        asking = asyncio.create_task(answers(side, letter("Tell me", key="k")))
        waiting = asyncio.create_task(answers(side, letter("And then?", key="l")))
        async with asyncio.timeout(5):
            while not held.asked:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        await side.line.cancel_answers(CHANNEL)
        assert (await asking)[-1].whole == "You"
        assert (await waiting)[-1].whole == ""
        said = await memory.history(CHANNEL)
        assert [one.text for one in said] == ["Tell me", "You"]
        assert held.hold
        held.hold.set()
        assert await whole(side, letter("Go on")) == "You said: Go on"


async def test_whoever_stops_listening_stops_the_model() -> None:
    held = Echo(hold=asyncio.Event())
    async with text_side(held) as side:
        async with contextlib.aclosing(side.line.ask(letter("Tell me"))) as replies:
            await anext(replies)
        assert held.hold
        held.hold.set()
        assert await whole(side, letter("And now?")) == "You said: And now?"


async def test_a_model_that_fails_is_owned_up_to_and_the_next_message_answered() -> None:
    llm = Echo(fails=True)
    async with text_side(llm) as side:
        failed = (await answers(side, letter("Hello")))[-1]
        assert "language model failed" in failed.trouble
        llm.fails = False
        assert await whole(side, letter("Again?")) == "You said: Again?"
    assert len(llm.asked) == 2


async def test_a_model_that_writes_nothing_is_owned_up_to() -> None:
    async with text_side(Echo(answer=lambda words: "<think>hm</think>")) as side:
        assert "language model failed" in (await answers(side, letter("Hello")))[-1].trouble


async def test_a_model_that_hangs_is_given_up() -> None:
    held = Echo(hold=asyncio.Event())
    async with text_side(held, TEXT_TIMEOUT_S="0.1") as side:
        assert "language model failed" in (await answers(side, letter("Hello")))[-1].trouble


async def test_thoughts_and_its_own_name_are_not_part_of_an_answer() -> None:
    async with text_side(Echo(answer=lambda words: "<think>Who is it?</think>Ava: Hello, Alice.")) as side:
        assert await whole(side, letter("Hi")) == "Hello, Alice."


async def test_the_history_of_a_channel_is_shown_and_no_other_one() -> None:
    llm = Echo()
    async with text_side(llm, RecentHistory()) as side:
        await answers(side, letter("My cat is called Tigris"))
        await answers(side, letter("What are they called?"))
        await answers(side, letter("What is it called?", scene=OTHER))
    assert "assistant: You said: My cat is called Tigris" in llm.prompts[1]
    assert "Tigris" not in llm.prompts[2]


async def test_a_message_for_nobody_is_remembered_only() -> None:
    llm, memory = Echo(), RecentHistory()
    async with text_side(llm, memory) as side:
        overheard = letter("Mine is Rex", who="Bob")
        overheard.characters = ()
        await side.line.tell(overheard)
        await answers(side, letter("And whose is Rex?"))
    assert len(llm.asked) == 1
    assert "Bob: Mine is Rex" in llm.prompts[0]
    assert "Alice: And whose is Rex?" in llm.prompts[0]


async def test_voice_and_text_share_a_mind() -> None:
    llm = Echo()
    async with text_side(llm) as side:
        ava = cast_of(settings()).roster.default
        record = TurnRecord(1, (Heard("7", "my favourite colour is teal"),), spoken="Teal, how lovely.")
        await side.overhear(1, ava, record, lambda speaker: "Carol")
        await answers(side, letter("What did Carol just say?"))
        elsewhere = Scene(SceneKind.CHANNEL, "99", "2")
        await answers(side, letter("What did Carol just say?", scene=elsewhere))
        await answers(side, letter("And in private?", scene=Scene(SceneKind.DM, "5")))
    assert "Carol said: my favourite colour is teal" in llm.prompts[0]
    assert "you said: Teal, how lovely." in llm.prompts[0]
    assert "teal" not in llm.prompts[1]
    assert "teal" not in llm.prompts[2]


async def test_a_character_can_speak_by_itself() -> None:
    llm = Echo()
    message = letter("")
    message.written, message.unbidden = None, "Say something short by yourself."
    async with text_side(llm, RecentHistory()) as side:
        assert await whole(side, message)
    assert llm.asked[0][0][-1].content.endswith("[Say something short by yourself.]")


async def test_an_answer_may_be_as_long_as_its_question_asks_for() -> None:
    llm = Echo()
    async with text_side(llm) as side:
        await answers(side, letter("ok", "bram-holloway"))
        await answers(side, letter("Explain in detail how tides work", "bram-holloway"))
    short, long = (sampling.max_tokens for _, sampling, _ in llm.asked)
    assert short < long


async def test_without_sight_a_question_about_a_picture_is_refused_and_one_for_anybody_passed_over() -> None:
    llm = Echo()
    asked, for_anybody = letter("What is this?"), letter("What is this?")
    for message in (asked, for_anybody):
        message.attachments = (Attachment("cat.png", "https://example.org/cat.png", "image/png", 10),)
        message.about_picture = True
    for_anybody.for_anybody = True
    async with text_side(llm) as side:
        assert "I cannot see pictures" in (await answers(side, asked))[-1].trouble
        assert [(reply.trouble, reply.whole) for reply in await answers(side, for_anybody)] == [("", "")]
        remark = letter("My cat and I had a lovely day")
        remark.attachments = asked.attachments
        await answers(side, remark)
    assert len(llm.asked) == 1
    assert "You cannot see it" in llm.prompts[0]
