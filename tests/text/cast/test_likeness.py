"""Lore that was meant and not named."""

import asyncio
from collections.abc import Sequence

import pytest

from personas.lorebooks import Entry, Lorebook
from pipeline.text_side import running_text
from processors.errors import EngineError
from processors.lanes import Priority
from processors.memory.embedding import Embedder, Meanings, MiniLm
from processors.models import ModelStore
from tests.processors.memory.meanings import ScriptedEmbedder
from tests.text.build import Echo, letter, settings, whole
from tests.text.cast.build import cast_of, profile
from text.cast import LoreLikeness

BOOK = Lorebook(
    "ava",
    (
        Entry("ava.0", "The old dog sleeps by the stove.", by_meaning=True),
        Entry("ava.1", "The baker rises at four.", by_meaning=True),
        Entry("ava.2", "A puppy was promised to Mia."),
        Entry("ava.3", "The animal doctor lives next door.", by_meaning=True, enabled=False),
    ),
)


def likeness(embedder: Embedder | None, floor: float = 0.2, deadline_s: float = 2.0) -> LoreLikeness:
    return LoreLikeness(lambda: embedder, floor=floor, deadline_s=deadline_s)


async def test_lore_is_found_by_what_was_meant_if_its_entry_allows_that() -> None:
    finder = likeness(ScriptedEmbedder())
    assert await finder.find((BOOK,), "What became of the puppy?") == ("ava.0",)
    assert await finder.find((BOOK,), "Tell me of your profession.") == ("ava.1",)
    assert await finder.find((BOOK,), "Quantum chromodynamics!") == ()
    await finder.close()


async def test_the_meanings_of_entries_are_learned_once() -> None:
    embedder = ScriptedEmbedder()
    finder = likeness(embedder)
    for _ in range(3):
        await finder.find((BOOK,), "What became of the puppy?")
    assert sorted(embedder.embedded) == [
        "The baker rises at four.",
        "The old dog sleeps by the stove.",
        *["What became of the puppy?"] * 3,
    ]


async def test_an_entry_that_was_edited_is_learned_anew() -> None:
    finder = likeness(ScriptedEmbedder())
    await finder.find((BOOK,), "puppy")
    edited = Lorebook("ava", (Entry("ava.0", "The lamp turns.", by_meaning=True),))
    assert await finder.find((edited,), "puppy") == ()


class SlowToLearn(ScriptedEmbedder):
    """Answers questions at once; what it is to learn, when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()

    async def embed(self, texts: Sequence[str], *, priority: Priority = Priority.BACKGROUND) -> Meanings:
        if priority is Priority.BACKGROUND:
            await self.may.wait()
        return await super().embed(texts, priority=priority)


async def test_an_answer_waits_no_longer_than_its_deadline_and_the_next_has_what_came_late() -> None:
    embedder = SlowToLearn()
    finder = likeness(embedder, deadline_s=0.05)
    assert await finder.find((BOOK,), "puppy") == ()
    embedder.may.set()
    patient = likeness(embedder)
    patient._kept, patient._learning = finder._kept, finder._learning
    assert await patient.find((BOOK,), "puppy") == ("ava.0",)
    assert embedder.embedded.count("The baker rises at four.") == 1
    await finder.close()


class Broken(ScriptedEmbedder):
    async def embed(self, texts: Sequence[str], *, priority: Priority = Priority.BACKGROUND) -> Meanings:
        raise EngineError("no more")


@pytest.mark.parametrize(("embedder", "floor"), [(None, 0.2), (ScriptedEmbedder(), 0.0), (Broken(), 0.2)])
async def test_without_a_model_or_switched_off_nothing_is_found(
    embedder: ScriptedEmbedder | None, floor: float
) -> None:
    assert await likeness(embedder, floor).find((BOOK,), "puppy") == ()
    assert not embedder or embedder.embedded == []


async def test_no_more_meanings_are_kept_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("text.cast.likeness._MOST_KEPT", 3)
    finder = likeness(ScriptedEmbedder())
    for number in range(5):
        book = Lorebook("b", (Entry(f"b.{number}", f"Dog number{number}", by_meaning=True),))
        assert await finder.find((book,), "puppy") == (f"b.{number}",)
    assert len(finder._kept) == 3


async def test_the_real_model_tells_what_is_meant() -> None:
    embedder = MiniLm(ModelStore(offline=True))
    await embedder.start()
    try:
        finder = likeness(embedder, 0.3)
        assert await finder.find((BOOK,), "Does your dog sleep in the house?") == ("ava.0",)
        assert await finder.find((BOOK,), "When does bread get made?") == ("ava.1",)
        assert await finder.find((BOOK,), "What is the capital of Peru?") == ()
    finally:
        await embedder.close()


async def test_lore_that_was_meant_stands_in_the_prompt_of_an_answer() -> None:
    book = {
        "entries": [
            {
                "content": "The old dog sleeps by the stove.",
                "keys": ["Rex"],
                "enabled": True,
                "insertion_order": 1,
                "extensions": {"vectorized": True},
            }
        ],
        "extensions": {},
    }
    cast, llm, chosen = cast_of(profile("Ava", character_book=book)), Echo(), settings()
    finder = likeness(ScriptedEmbedder())
    async with running_text(chosen, cast, likeness=finder) as side:
        side.worker.bind(llm)
        await whole(side, letter("What became of the puppy?"))
        await whole(side, letter("Good night."))
    await finder.close()
    told = ["sleeps by the stove" in prompt for prompt in llm.prompts]
    assert told == [True, False]
