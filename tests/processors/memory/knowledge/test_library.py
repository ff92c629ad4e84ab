"""The documents folder and its index: every change is followed, and what is found names its source."""

from pathlib import Path

import pytest

from processors.errors import EngineError
from processors.memory.knowledge.folder import Document, FileState, compare, look_through
from tests.processors.memory.talk import CHANNEL, DAY_S, Talk, talk_on

OLAF = "The lighthouse keeper is called Olaf and feeds the gulls every morning."


def write(talk: Talk, name: str, text: str) -> Path:
    path = talk.memory.knowledge.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def sources(talk: Talk, question: str = "Who feeds the gulls?", **only) -> list[str]:
    return [passage.source for passage in await talk.memory.knowledge.search(question, 3, **only)]


async def test_a_new_document_is_found_and_named(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        write(talk, "coast/keeper.md", OLAF)
        seen: list[tuple[int, int, str]] = []
        update = await talk.memory.knowledge.update(lambda *progress: seen.append(progress))
        assert str(update) == "1 added, 0 changed, 0 renamed, 0 removed"
        assert seen == [(0, 1, "coast/keeper.md"), (1, 1, "")]
        assert await sources(talk) == ["coast/keeper.md"]
        recalled = await talk.memory.recall(CHANNEL, "ava", ("ann",), "Who feeds the gulls?")
        assert recalled.lines == (f"coast/keeper.md: {OLAF}",)
        assert recalled.sources == ("coast/keeper.md",)


async def test_what_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        path = write(talk, "keeper.md", OLAF)
        await talk.memory.knowledge.update()
        await talk.index()
        await talk.memory.knowledge.update()
        embedded = len(talk.embedder.embedded)
        path.touch()
        assert str(await talk.memory.knowledge.update()) == "0 added, 0 changed, 0 renamed, 0 removed"
        assert len(talk.embedder.embedded) == embedded


@pytest.mark.parametrize("indexed", [False, True], ids=["by words", "by meaning too"])
async def test_edits_renames_and_deletions_are_followed(tmp_path: Path, indexed: bool) -> None:
    async with talk_on(tmp_path) as talk:
        knowledge = talk.memory.knowledge
        if indexed:
            await talk.index()
        path = write(talk, "keeper.md", OLAF)
        await knowledge.update()
        assert await sources(talk) == ["keeper.md"]

        write(talk, "keeper.md", "The harbour master is called Runa. She counts the ships.")
        assert (await knowledge.update()).changed == 1
        assert await sources(talk) == []
        assert await sources(talk, "Who counts the ships?") == ["keeper.md"]

        (knowledge.folder / "port").mkdir()
        path.rename(knowledge.folder / "port" / "master.md")
        assert (await knowledge.update()).renamed == 1
        assert await sources(talk, "Who counts the ships?") == ["port/master.md"]
        assert await sources(talk, "Who counts the ships?", categories=("port",)) == ["port/master.md"]
        assert await sources(talk, "Who counts the ships?", categories=("general",)) == []

        (knowledge.folder / "port" / "master.md").unlink()
        assert (await knowledge.update()).removed == 1
        assert await sources(talk, "Who counts the ships?") == []
        assert talk.vectors.total == 0


async def test_a_character_knows_only_its_categories(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        write(talk, "coast/keeper.md", OLAF)
        write(talk, "city/baker.md", "The baker feeds the gulls too, with old bread.")
        await talk.memory.knowledge.update()
        talk.memory.limit_knowledge("ava", ("city",))
        told = await talk.memory.recall(CHANNEL, "ava", ("ann",), "Who feeds the gulls?")
        assert told.sources == ("city/baker.md",)
        told = await talk.memory.recall(CHANNEL, "bram", ("ann",), "Who feeds the gulls?")
        assert set(told.sources) == {"city/baker.md", "coast/keeper.md"}


async def test_a_document_that_cannot_be_read_harms_no_other(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        write(talk, "broken.pdf", "this is no PDF")
        write(talk, "keeper.md", OLAF)
        update = await talk.memory.knowledge.update()
        assert [failure.split(":")[0] for failure in update.failures] == ["broken.pdf"]
        assert await sources(talk) == ["keeper.md"]
        assert (await talk.memory.knowledge.update()).failures == (), "it is not tried again until it changes"


async def test_what_was_not_embedded_before_the_end_is_embedded_after_it(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        await talk.index()
        write(talk, "keeper.md", OLAF)

        async def fails(*_, **__):
            raise EngineError("the power went")

        embed, talk.embedder.embed = talk.embedder.embed, fails
        with pytest.raises(EngineError):
            await talk.memory.knowledge.update()
        assert talk.vectors.total == 0
        assert await sources(talk) == ["keeper.md"], "its words can be searched"
        talk.embedder.embed = embed
        await talk.memory.knowledge.update()
        assert talk.vectors.total == 1


async def test_a_lost_index_of_meanings_is_learned_anew(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        await talk.index()
        write(talk, "keeper.md", OLAF)
        await talk.memory.knowledge.update()
        await talk.vectors.clear()
        talk.memory.knowledge.relearn()
        await talk.memory.store.settle()
        await talk.memory.knowledge.update()
        assert talk.vectors.total == 1


def test_links_hidden_files_and_what_is_too_large_are_left_out(tmp_path: Path) -> None:
    for name in ("a.md", ".hidden.md", "large.txt", "picture.png"):
        (tmp_path / name).write_text("x" * (5000 if name == "large.txt" else 5))
    (tmp_path / "link.md").symlink_to("/etc/passwd")
    (tmp_path / "outside").symlink_to("/etc")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "b.md").write_text("x")
    assert [one.path for one in look_through(tmp_path, most_files=10, most_bytes=1000)] == ["a.md"]
    assert look_through(tmp_path / "nowhere", most_files=10, most_bytes=1000) == []


def test_no_more_files_than_the_most_are_taken(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}.md").write_text("x")
    assert [one.path for one in look_through(tmp_path, most_files=2, most_bytes=1000)] == ["00.md", "01.md"]


def test_a_file_moved_and_another_of_the_same_content_are_told_apart() -> None:
    state = FileState("a.md", 1, 1)
    documents = [Document(1, state, "same")]
    present = [FileState("b.md", 1, 1), FileState("c.md", 1, 1)]
    changes = compare(documents, present, {"b.md": "same", "c.md": "same"})
    assert [(one.path, new.path) for one, new in changes.renamed] == [("a.md", "b.md")]
    assert [new.path for new, _ in changes.read] == ["c.md"]
    assert changes.removed == ()


async def test_documents_come_to_mind_after_a_restart(tmp_path: Path) -> None:
    async with talk_on(tmp_path) as talk:
        write(talk, "keeper.md", OLAF)
        await talk.memory.knowledge.update()
    async with talk_on(tmp_path) as talk:
        talk.clock.pass_by(DAY_S)
        assert await sources(talk) == ["keeper.md"]
        assert [one.path for one in await talk.memory.knowledge.documents()] == ["keeper.md"]
