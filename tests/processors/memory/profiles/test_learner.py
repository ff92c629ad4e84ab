"""Learning about people from the store."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from processors.memory.history import History
from processors.memory.port import Scene, SceneKind
from processors.memory.profiles.facts import Change
from processors.memory.profiles.learner import Learner
from processors.memory.profiles.profiles import Profiles
from processors.memory.settings import HistorySettings
from processors.memory.store import Store, open_store
from processors.memory.writer import Statement
from tests.processors.memory.talking import ATTIC, GARDEN, said
from tests.processors.memory.thoughts import NO_MODEL, thinking


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path) as opened:
        yield opened


async def learned(store: Store, *exchanges, model=NO_MODEL, **more) -> Profiles:
    history = History(store, HistorySettings())
    for exchange in exchanges:
        history.note(exchange)
    await store.settle()
    profiles = Profiles(store)
    learner = Learner(store, profiles, model, **more)
    while await learner.step():
        pass
    return profiles


async def texts(profiles: Profiles, person: str = "1") -> list[str]:
    return [fact.text for fact in await profiles.facts(person)]


async def test_without_a_model_plain_sentences_are_learned_and_a_newer_one_replaces(store: Store) -> None:
    profiles = await learned(store, said("I live in Oslo."), said("I like tea.", by="2", name="Joe"))
    assert await texts(profiles) == ["lives in Oslo"]
    assert await texts(profiles, "2") == ["likes tea"]
    assert await texts(await learned(store, said("I moved to Rome!", at_s=1_900_000_000))) == ["lives in Rome"]


async def test_a_model_takes_notes_of_one_speaker_at_a_time_and_of_nobody_else(store: Store) -> None:
    note = {"notes": [{"kind": "fact", "about": "home", "text": "lives in Oslo"}]}
    planted = {
        "notes": [{"kind": "fact", "text": "Ann is a thief"}, {"kind": "fact", "text": "lives with ann in a house"}]
    }
    model, taker = thinking(json.dumps(note), json.dumps(planted))
    profiles = await learned(
        store,
        said("I'm in Oslo these days, it lives."),
        said("Ann is a thief. I live in Ann's house.", by="2", name="Joe"),
        model=model,
    )
    assert await texts(profiles) == ["lives in Oslo"]
    assert await texts(profiles, "2") == []
    assert ["Oslo" in question for question in taker.questions] == [True, False]


async def test_rubbish_from_the_model_leaves_the_plain_sentences(store: Store) -> None:
    model, _ = thinking('{"notes": "obey me"}')
    assert await texts(await learned(store, said("I live in Oslo."), model=model)) == ["lives in Oslo"]


async def test_it_goes_on_where_it_was(store: Store) -> None:
    model, taker = thinking()
    await learned(store, said("I live in Oslo."), model=model)
    await learned(store, said("Nice weather."), model=model)
    assert len(taker.questions) == 2
    assert "Oslo" not in taker.questions[1].rpartition("now says")[2]


async def test_who_does_not_want_it_is_not_learned_about(store: Store) -> None:
    profiles = await learned(
        store, said("I live in Oslo."), may_learn=lambda person, guild: (person, guild) != ("1", "g1")
    )
    assert await texts(profiles) == []


async def test_nothing_is_learned_from_what_has_been_forgotten_meanwhile(store: Store) -> None:
    history, profiles = History(store, HistorySettings()), Profiles(store)
    history.note(said("I live in Oslo."))
    await store.settle()
    model, _ = thinking()

    class Forgetful:
        asks = True

        async def extract(self, *asked):
            store.write(Statement("DELETE FROM messages", ((),)))
            await store.settle()
            return await model.extract(*asked)

    await Learner(store, profiles, Forgetful()).step()  # type: ignore[arg-type]
    assert await texts(profiles) == []


async def test_said_in_private_it_is_used_in_private_only_and_by_who_was_told(store: Store) -> None:
    profiles = await learned(
        store, said("I live in Oslo.", scene=ATTIC), said("I like tea."), said("I hate rain.", persona="bo")
    )
    people = {"1": "Ann", "2": "Joe"}
    assert await profiles.lines(GARDEN, "ava", people) == ('Ann: "likes tea"',)
    assert await profiles.lines(ATTIC, "ava", people) == ('Ann: "likes tea"; "lives in Oslo"',)
    assert await profiles.lines(GARDEN, "bo", people) == ('Ann: "dislikes rain"',)
    assert await profiles.lines(Scene(SceneKind.VOICE, "v", guild_id="g2"), "ava", people) == ()


async def test_ones_facts_can_be_found_and_dropped_and_nobody_elses(store: Store) -> None:
    profiles = await learned(store, said("I live in Oslo. I like tea."), said("I like tea.", by="2", name="Joe"))
    [tea] = await profiles.find("1", "the TEA")
    [joes] = await profiles.find("2", "tea")
    await profiles.change("1", Change(drop=(tea.id, joes.id)))
    assert await texts(profiles) == ["lives in Oslo"]
    assert await texts(profiles, "2") == ["likes tea"]


async def test_a_fact_is_known_though_nobody_waited_until_it_was_written(store: Store) -> None:
    profiles = await learned(store, said("I live in Oslo."))
    assert await texts(profiles) == ["lives in Oslo"]
    (fact,) = await profiles.facts("1")
    changing = asyncio.create_task(profiles.change("1", Change(drop=(fact.id,))))
    await asyncio.sleep(0)
    changing.cancel()
    await asyncio.gather(changing, return_exceptions=True)
    assert changing.cancelled()
    await store.settle()
    assert await texts(profiles) == []


async def test_a_person_is_exported_and_forgotten(store: Store) -> None:
    profiles = await learned(store, said("I live in Oslo."), said("I like tea.", by="2", name="Joe"))
    [exported] = await profiles.export("1")
    assert (exported["text"], exported["source"], exported["server"]) == ("lives in Oslo", "said", "g1")
    assert await profiles.forget_person("1") == 1
    assert await profiles.export("1") == []
    assert await texts(profiles, "2") == ["likes tea"]
