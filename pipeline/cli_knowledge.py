"""`acore knowledge`: documents the characters know."""

import asyncio
import shutil
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli_state import State
from processors.errors import AcoreError, StorageError

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from processors.memory.service import MemoryService

knowledge_app = typer.Typer(
    name="knowledge", no_args_is_help=True, help="Documents the characters know: txt, md, pdf, html."
)

_Category = Annotated[str, typer.Option("--category", "-c", help="The folder within the documents folder.")]


@knowledge_app.command()
def add(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of them.", exists=True)],
    category: _Category = "",
) -> None:
    """Copy documents into the documents folder and index them."""
    from processors.memory.knowledge.readers import READERS, read_document

    settings, folder = _settings(context)
    target = folder / category
    if not target.resolve().is_relative_to(folder.resolve()):
        raise StorageError(f"--category is {category!r}; it must be a folder within {folder}")
    failed = False
    for path in paths:
        files = sorted(one for one in path.rglob("*") if one.suffix.lower() in READERS) if path.is_dir() else [path]
        for file in files:
            place = target / (file.relative_to(path.parent) if path.is_dir() else file.name)
            try:
                read_document(file)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
            except (AcoreError, OSError) as error:
                failed = True
                typer.echo(f"left out: {error}", err=True)
            else:
                typer.echo(f"{file} -> {place.relative_to(folder).as_posix()}")
    asyncio.run(_index(settings))
    if failed:
        raise typer.Exit(1)


@knowledge_app.command("list")
def list_documents(context: typer.Context) -> None:
    """List the documents that are indexed."""
    from processors.memory.knowledge import documents_in
    from processors.memory.store import look_into

    settings, folder = _settings(context)

    async def show() -> int:
        async with look_into(_data(settings)) as reader:
            documents = await documents_in(reader) if reader else ()
        for document in documents:
            failure = f"  (not read: {document.failure})" if document.failure else ""
            typer.echo(f"{document.state.size / 1000:10.1f} kB  {document.path}{failure}")
        return len(documents)

    typer.echo(f"{asyncio.run(show())} documents of {folder}")


@knowledge_app.command()
def search(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="What is looked for.")],
    category: _Category = "",
    most: Annotated[int, typer.Option("--most", min=1, max=50, help="The most passages.")] = 3,
) -> None:
    """Show the passages a character would be reminded of."""
    from processors.memory.knowledge import Passage, PassageSearch
    from processors.memory.store import look_into

    settings, _ = _settings(context)
    categories = (category,) if category else ()

    async def find() -> tuple[Passage, ...]:
        try:
            async with _memory(settings) as memory:
                return await memory.knowledge.search(question, most, categories=categories)
        except StorageError:
            typer.echo("Acore is running: searched by words alone.", err=True)
            async with look_into(_data(settings)) as reader:
                floor = settings.memory.recall.floor
                return (
                    await PassageSearch(reader, floor).search(question, most, categories=categories) if reader else ()
                )

    found = asyncio.run(find())
    for passage in found:
        typer.echo(f"{passage.source}\n    {passage.text}")
    if not found:
        typer.echo("nothing was found", err=True)
        raise typer.Exit(1)


@knowledge_app.command()
def remove(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="Names as `acore knowledge list` shows them.")],
) -> None:
    """Delete documents from the documents folder and from the index."""
    settings, folder = _settings(context)
    for name in names:
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise StorageError(f"there is no document {name!r} in {folder}; `acore knowledge list` shows them")
        path.unlink()
        typer.echo(f"removed {name}")
    asyncio.run(_index(settings))


async def _index(settings: "Settings") -> None:
    try:
        async with _memory(settings) as memory:
            update = await memory.knowledge.update(_show)
    except StorageError as error:
        if "another Acore" not in str(error):
            raise
        typer.echo(f"the running Acore indexes it within {settings.memory.knowledge.rescan_s:g} s")
        return
    typer.echo(f"indexed: {update}")


def _show(done: int, total: int, path: str) -> None:
    if path:
        typer.echo(f"[{done + 1}/{total}] {path}")


def _memory(settings: "Settings") -> "AbstractAsyncContextManager[MemoryService]":
    from pipeline.engines import model_store
    from processors.memory.service import asking_memory

    return asking_memory(_data(settings), settings.memory, model_store(settings))


def _settings(context: typer.Context) -> "tuple[Settings, Path]":
    from processors.memory.service import documents_folder

    state: State = context.obj
    settings = state.load()
    folder = documents_folder(_data(settings), settings.memory)
    folder.mkdir(parents=True, exist_ok=True)
    return settings, folder


def _data(settings: "Settings") -> Path:
    from pipeline.folders import data_folder

    return data_folder(settings)
