"""Who is remembered, and how it ends: proved on the bytes of the disk."""

import asyncio
import gzip
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from processors.errors import EngineError, StorageError
from processors.memory.port import Exchange, Utterance
from processors.memory.privacy.erasing import Keeper
from processors.memory.privacy.settings import PrivacySettings
from processors.memory.remembrance import Remembrance
from processors.memory.settings import MemorySettings
from processors.memory.vectors import ChromaVectors
from processors.memory.writer import Statement
from tests.processors.memory.talk import ANNS_DM, CHANNEL, DAY_S, ELSEWHERE, VOICE, Talk, WallClock, talk_on
from tests.processors.memory.thoughts import NO_MODEL

SECRET = "zyzzogeton"
"""A word that stands in no file by chance."""


@asynccontextmanager
async def remembering(folder: Path, **privacy: object) -> AsyncIterator[tuple[Talk, Remembrance]]:
    async with talk_on(folder, WallClock()) as talk:
        settings = MemorySettings(recall=talk.settings.recall, privacy=PrivacySettings.model_validate(privacy))
        remembrance = Remembrance(talk.memory, folder, settings, NO_MODEL, talk.clock)
        await remembrance.consent.load()
        yield talk, remembrance


def say(remembrance: Remembrance, talk: Talk, text: str, **more) -> None:
    """As `Talk.say`, past the gate of consent."""
    noted: list[Exchange] = []
    gate = Talk(_Collector(noted), talk.clock, talk.embedder, talk.vectors)  # type: ignore[arg-type]
    gate.say(text, **more)
    for exchange in noted:
        remembrance.note(exchange)


class _Collector:
    def __init__(self, noted: list[Exchange]) -> None:
        self._noted = noted

    def note(self, exchange: Exchange) -> None:
        self._noted.append(exchange)


def files_with(folder: Path, *words: str) -> list[str]:
    """The files below a folder that hold any of the words, compressed or not."""
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".gz":
                content += gzip.decompress(content)
            if any(word.lower().encode() in content.lower() for word in words):
                found.append(path.name)
    return found


async def settle(remembrance: Remembrance) -> None:
    """Learn and sum up all there is."""
    await remembrance.memory.store.settle()
    while await remembrance.learner.step():
        pass
    await remembrance.summariser.step()


@pytest.mark.usefixtures("chroma_loaded")
async def test_who_is_forgotten_is_in_no_byte_on_disk_and_the_others_stay(tmp_path: Path) -> None:
    async with remembering(tmp_path, archive=True, message_days=30) as (talk, remembrance):
        vectors = ChromaVectors(tmp_path / "vectors")
        talk.vectors = vectors  # type: ignore[assignment]
        say(remembrance, talk, f"The old {SECRET} is gone.", reply=f"Poor {SECRET}!")
        say(remembrance, talk, "Mine is an old heron.", who="joe")
        talk.clock.pass_by(40 * DAY_S)
        assert await remembrance.retention.step() == 3
        for number in range(8):
            say(remembrance, talk, f"I live in {SECRET}. {number}", who="ann", reply=f"In {SECRET}, I see.")
            say(remembrance, talk, f"I like {SECRET}.", who="ann", scene=ANNS_DM)
        talk.clock.pass_by(DAY_S)
        for _ in range(8):
            say(remembrance, talk, "I live in Heronville.", who="joe", scene=ELSEWHERE)
        talk.clock.pass_by(DAY_S)
        (tmp_path / "memory.damaged-20260101-000000-1.sqlite3").write_text(f"old {SECRET}")
        try:
            await vectors.start()
            await talk.index()
            await settle(remembrance)
            before = await remembrance.eraser.export("ann")
            assert {name: bool(kept) for name, kept in before.items()} == dict.fromkeys(
                ("messages", "facts", "summaries", "archive", "choices"), True
            )
            assert len(files_with(tmp_path, SECRET)) >= 3
            erased = await remembrance.eraser.forget("ann")
        finally:
            await vectors.close()
        assert erased.failed == ()
        assert min(erased.counts[name] for name in ("messages", "facts", "summaries", "archive")) > 0
        # While it still runs: nothing waits in a log of the database either.
        assert files_with(tmp_path, SECRET) == []
        assert "heron" in str(await remembrance.eraser.export("joe"))
        assert await remembrance.background(CHANNEL, "ava", {"ann": "Ann"}) == await remembrance.background(
            CHANNEL, "ava", {}
        )
    assert files_with(tmp_path, SECRET) == []


async def test_a_keeper_that_fails_is_named_and_stops_nobody_else(tmp_path: Path) -> None:
    async def fail(person: str) -> int:
        raise EngineError("no disk")

    async def nothing(person: str) -> list[str]:
        return []

    async with remembering(tmp_path) as (talk, remembrance):
        say(remembrance, talk, "I like tea.")
        remembrance.eraser._keepers.insert(0, Keeper("diary", nothing, fail))
        erased = await remembrance.eraser.forget("ann")
        assert erased.failed == ("diary",)
        assert erased.counts["messages"] == 1


async def test_who_turns_memory_off_is_not_noted_and_the_others_are(tmp_path: Path) -> None:
    async with remembering(tmp_path) as (talk, remembrance):
        remembrance.consent.choose_for_person("ann", False)
        say(remembrance, talk, "I like tea.", reply="Good.")
        say(remembrance, talk, "I like coffee.", who="joe")
        assert (await remembrance.eraser.export("ann"))["messages"] == []
        assert len((await remembrance.eraser.export("joe"))["messages"]) == 1
        assert (await remembrance.eraser.export("ann"))["choices"] == {"memory": False}


def turn(*heard: tuple[str, str], reply: str, asked_by: str = "") -> Exchange:
    """A turn of a voice room."""
    said = tuple(Utterance(who, who.title(), text, 1_800_000_000.0) for who, text in heard)
    answer = Utterance("ava", "Ava", reply, 1_800_000_000.0, by_character=True)
    return Exchange(VOICE, "ava", said, answer, asked_by)


async def test_the_answer_to_several_is_kept_only_if_all_of_them_allow_it(tmp_path: Path) -> None:
    async with remembering(tmp_path) as (_, remembrance):
        remembrance.consent.choose_for_person("ben", False)
        quoting = turn(("ann", "I like tea."), ("ben", f"I live in {SECRET}."), reply=f"Ann, Ben lives in {SECRET}.")
        remembrance.note(quoting)
        remembrance.note(turn(("ann", "Good."), reply="Good indeed."))
        remembrance.note(turn(reply=f"As I said: {SECRET}.", asked_by="ben"))
        remembrance.note(turn(reply="I agree.", asked_by="ann"))
        await settle(remembrance)
        kept = [one.text for one in await remembrance.history(VOICE)]
        assert kept == ["I like tea.", "Good.", "Good indeed.", "I agree."]
        assert "likes tea" in str(await remembrance.eraser.export("ann"))
        assert files_with(tmp_path, SECRET) == []
        # Once he allows it again, so is the answer to him.
        remembrance.consent.choose_for_person("ben", True)
        remembrance.note(quoting)
        assert (await remembrance.history(VOICE))[-1] == quoting.reply


@pytest.mark.parametrize("who", ["ann", "ben", "joe"])
@pytest.mark.parametrize("archived", [False, True])
async def test_an_answer_to_several_goes_with_each_of_them(tmp_path: Path, who: str, archived: bool) -> None:
    async with remembering(tmp_path, archive=True, message_days=30) as (talk, remembrance):
        remembrance.note(turn(("ann", "I like tea."), ("ben", "Me too."), reply=f"You two and your {SECRET}!"))
        remembrance.note(turn(reply=f"What a {SECRET}!", asked_by="joe"))
        if archived:
            talk.clock.pass_by(40 * DAY_S)
            await remembrance.retention.step()
        await settle(remembrance)
        erased = await remembrance.eraser.forget(who)
        assert erased.counts["archive" if archived else "messages"] == (1 if who == "joe" else 2)
        left = {one: SECRET in str(await remembrance.eraser.export(one)) for one in ("ann", "ben", "joe")}
        both_are_left = who == "joe"
        assert left == {"ann": both_are_left, "ben": both_are_left, "joe": not both_are_left}


async def test_documents_are_found_by_their_meaning_again_after_somebody_was_forgotten(tmp_path: Path) -> None:
    async with remembering(tmp_path) as (talk, remembrance):
        knowledge = remembrance.knowledge
        knowledge.folder.mkdir()
        (knowledge.folder / "pets.md").write_text("The keeper of the lighthouse has a puppy.")
        say(remembrance, talk, "I like tea.")
        await talk.index()
        await knowledge.update()
        assert len(await knowledge.search("Which animal?", 3)) == 1
        await remembrance.eraser.forget("ann")
        assert talk.vectors.total == 0
        await knowledge.update()
        assert len(await knowledge.search("Which animal?", 3)) == 1


async def test_choices_survive_a_restart_and_a_servers_holds_for_everybody_in_it(tmp_path: Path) -> None:
    async with remembering(tmp_path) as (talk, remembrance):
        say(remembrance, talk, "I live in Oslo.")
        await settle(remembrance)
        remembrance.consent.choose_for_guild("g1", False)
    async with remembering(tmp_path) as (talk, remembrance):
        say(remembrance, talk, "I like tea.")
        say(remembrance, talk, "I like rain.", scene=ELSEWHERE)
        kept = await remembrance.eraser.export("ann")
        assert [one["text"] for one in kept["messages"]] == ["I live in Oslo.", "I like rain."]
        assert (await remembrance.recall(CHANNEL, "ava", ("ann",), "Oslo")).lines == ()
        remembrance.consent.choose_for_guild("g1", True)
        lines = (await remembrance.recall(CHANNEL, "ava", ("ann",), "Where is Oslo?")).lines
        assert 'Ann: "lives in Oslo"' in lines


async def test_by_default_servers_may_be_left_out(tmp_path: Path) -> None:
    async with remembering(tmp_path, servers=False) as (talk, remembrance):
        say(remembrance, talk, "I like tea.")
        say(remembrance, talk, "I like rain.", scene=ANNS_DM)
        assert [one["text"] for one in (await remembrance.eraser.export("ann"))["messages"]] == ["I like rain."]


async def test_what_somebody_claims_that_others_said_is_learned_from_by_nobody(tmp_path: Path) -> None:
    async with remembering(tmp_path) as (talk, remembrance):
        say(remembrance, talk, "I live in Oslo.")
        await talk.memory.store.settle()
        # As an import puts it: said by Ann, on behalf of Joe.
        talk.memory.store.write(Statement("UPDATE messages SET person = 'joe'", ((),)))
        await settle(remembrance)
        assert await remembrance.profiles.facts("ann") == ()
        assert await remembrance.profiles.facts("joe") == ()


async def test_a_server_that_is_left_is_forgotten_to_the_last_byte(tmp_path: Path) -> None:
    async with remembering(tmp_path) as (talk, remembrance):
        for _ in range(6):
            say(remembrance, talk, f"I live in {SECRET}.")
            say(remembrance, talk, "I live in Heronville.", scene=ELSEWHERE)
        talk.clock.pass_by(DAY_S)
        await settle(remembrance)
        await remembrance.forget_guild("g1")
        assert files_with(tmp_path, SECRET) == []
        assert {one["text"] for one in (await remembrance.eraser.export("ann"))["facts"]} == {"lives in Heronville"}


async def test_what_is_too_old_is_deleted_and_archived_if_wanted(tmp_path: Path) -> None:
    async with remembering(tmp_path, message_days=10, summary_days=20, fact_days=30, archive=True) as (
        talk,
        remembrance,
    ):
        for _ in range(6):
            say(remembrance, talk, "I live in Oslo.")
        talk.clock.pass_by(DAY_S)
        await settle(remembrance)
        for days, left in ((8, (6, 1, 1)), (5, (0, 1, 1)), (10, (0, 0, 1)), (10, (0, 0, 0))):
            talk.clock.pass_by(days * DAY_S)
            await remembrance.retention.step()
            kept = await remembrance.eraser.export("ann")
            assert (len(kept["messages"]), len(kept["summaries"]), len(kept["facts"])) == left
        assert [one["text"] for one in kept["archive"]] == ["I live in Oslo."] * 6


async def test_kept_for_ever_means_for_ever(tmp_path: Path) -> None:
    async with remembering(tmp_path, message_days=0, summary_days=0, fact_days=0) as (talk, remembrance):
        say(remembrance, talk, "I live in Oslo.")
        talk.clock.pass_by(9999 * DAY_S)
        assert await remembrance.retention.step() == 0


async def test_a_clock_that_was_set_wrongly_costs_nobody_their_memories(tmp_path: Path) -> None:
    async with remembering(tmp_path, message_days=100) as (talk, remembrance):
        say(remembrance, talk, "I live in Oslo.")
        retention = remembrance.retention
        assert await retention.believes_the_clock()
        talk.clock.pass_by(DAY_S)
        assert await retention.believes_the_clock()
        talk.clock.pass_by(5000 * DAY_S)
        assert not await retention.believes_the_clock(), "a jump is not believed at once"
        talk.clock.pass_by(-4999 * DAY_S)
        assert await retention.believes_the_clock(), "put right"
        talk.clock.pass_by(5000 * DAY_S)
        assert not await retention.believes_the_clock()
        talk.clock.pass_by(DAY_S)
        assert await retention.believes_the_clock(), "it has said so for a day"
    async with remembering(tmp_path) as (talk, remembrance):
        talk.memory.store.drop_state("retention", "clock")
        talk.clock.pass_by(9 * DAY_S)
        assert not await remembrance.retention.believes_the_clock(), "as against the last that was noted"


async def test_the_daily_clean_up_waits_for_a_clock_it_believes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processors.memory.privacy.retention._EVERY_S", 0.01)
    async with remembering(tmp_path, message_days=10) as (talk, remembrance):
        say(remembrance, talk, "I live in Oslo.")
        await talk.memory.store.settle()
        asked: list[bool] = []
        believes = remembrance.retention.believes_the_clock

        async def note() -> bool:
            talk.clock.pass_by({1: 5000, 2: -5000}.get(len(asked), 0) * DAY_S)
            asked.append(await believes())
            if len(asked) == 4:
                done.set()
            return asked[-1]

        done = asyncio.Event()
        monkeypatch.setattr(remembrance.retention, "believes_the_clock", note)
        cleaning = asyncio.create_task(remembrance.retention.run())
        async with asyncio.timeout(20):
            await done.wait()
        cleaning.cancel()
        await asyncio.gather(cleaning, return_exceptions=True)
        assert asked == [True, False, True, True]
        assert len((await remembrance.eraser.export("ann"))["messages"]) == 1


async def test_what_could_not_be_deleted_from_the_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with remembering(tmp_path) as (talk, remembrance):
        say(remembrance, talk, "I like tea.")
        await settle(remembrance)

        async def never(within_s: float = 5.0) -> bool:
            return False

        with monkeypatch.context() as patch:
            patch.setattr(talk.memory.store, "settle", never)
            erased = await remembrance.eraser.forget("ann")
        assert {"messages", "files"} <= set(erased.failed)
        assert (await remembrance.eraser.forget("ann")).failed == ()


async def test_an_archive_is_written_whole_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    async with remembering(tmp_path, archive=True, message_days=30) as (talk, remembrance):
        say(remembrance, talk, f"I live in {SECRET}.")
        talk.clock.pass_by(40 * DAY_S)
        await remembrance.retention.step()
        (path,) = (tmp_path / "archive").glob("*.jsonl.gz")
        (path.parent / f".{path.name}.0badcafe").write_text(f"killed while it wrote {SECRET}")
        whole = path.read_bytes()
        path.write_bytes(whole[:-9])
        assert (await remembrance.eraser.forget("ann")).failed == ("archive",)
        assert [one.name for one in path.parent.iterdir()] == [path.name], "what was half written is gone"
        with pytest.raises(StorageError, match="is damaged"):
            await remembrance.eraser.export("ann")
        path.write_bytes(whole)
        assert (await remembrance.eraser.forget("ann")).failed == ()
        assert files_with(tmp_path, SECRET) == []


async def test_what_moves_into_the_archive_while_somebody_is_forgotten_is_forgotten_too(tmp_path: Path) -> None:
    async with remembering(tmp_path, archive=True, message_days=30) as (talk, remembrance):
        for _ in range(3):
            say(remembrance, talk, f"I live in {SECRET}.")
        talk.clock.pass_by(40 * DAY_S)
        await talk.memory.store.settle()
        archive, add = remembrance.archive, remembrance.archive.add
        moving = threading.Event()

        def add_slowly(rows: list[sqlite3.Row]) -> None:
            moving.set()
            time.sleep(0.5)
            add(rows)

        archive.add = add_slowly  # type: ignore[method-assign]
        cleaning = asyncio.create_task(remembrance.retention.step())
        await asyncio.to_thread(moving.wait)
        await remembrance.eraser.forget("ann")
        await cleaning
        assert (await remembrance.eraser.export("ann"))["archive"] == []
        assert files_with(tmp_path, SECRET) == []


async def test_a_file_brings_nobody_back_who_does_not_want_to_be_remembered(tmp_path: Path) -> None:
    async with remembering(tmp_path) as (talk, remembrance):
        say(remembrance, talk, f"I live in {SECRET}.", reply=f"In {SECRET}!")
        say(remembrance, talk, "I like tea.", who="joe")
        exported = await talk.memory.export(CHANNEL)
        await remembrance.eraser.forget("ann")
        remembrance.consent.choose_for_person("ann", False)
        assert await remembrance.take_in(ELSEWHERE, "ava", exported, by="joe") == 1
        await talk.memory.store.settle()
        assert files_with(tmp_path, SECRET) == []
        remembrance.consent.choose_for_guild("g2", False)
        with pytest.raises(StorageError, match="memory is off in this server"):
            await remembrance.take_in(ELSEWHERE, "ava", exported, by="joe")
