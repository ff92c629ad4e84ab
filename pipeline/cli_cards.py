"""`acore cards`: import, export, check and list character cards."""

from pathlib import Path
from typing import Annotated

import typer

from personas.errors import PersonaError
from pipeline.cli_state import State

cards_app = typer.Typer(name="cards", no_args_is_help=True, help="Import, export, check and list character cards.")

FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", "-f", help="The folder characters are kept in; that of the bot by default."),
]


@cards_app.command("import")
def import_cards(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Card files (JSON, PNG, CHARX), or folders of them.")],
    folder: FolderOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace characters of the same name.")] = False,
) -> None:
    """Bring cards into the characters folder."""
    from personas.library import import_card

    failed = False
    kept_in = _kept_in(context, folder)
    for path in _card_files(paths):
        try:
            target = import_card(path, kept_in, overwrite=overwrite)
        except PersonaError as error:
            failed = True
            _complain(str(error))
        else:
            _say(f"{path} -> {target}")
    if failed:
        raise typer.Exit(1)


@cards_app.command("export")
def export_card(
    context: typer.Context,
    character: Annotated[str, typer.Argument(help="A character's name, or a card file.")],
    target: Annotated[Path, typer.Argument(help="The file to write: .json, .png or .charx.")],
    folder: FolderOption = None,
) -> None:
    """Write a character as a V3 card; a PNG can be read by V2 programs too."""
    from personas.cards.write import left_out, save_card
    from personas.library import load_folder, read_character

    try:
        kept_in = _kept_in(context, folder)
        kept = load_folder(kept_in).profiles if kept_in.is_dir() else ()
        profile = read_character(character, kept)
        save_card(profile.card, target)
    except PersonaError as error:
        _complain(str(error))
        raise typer.Exit(1) from None
    _say(f"{profile.name} -> {target}")
    if lost := left_out(profile.card, target):
        _complain(f"{target.name} cannot hold, and so does not have: {', '.join(lost)}")


@cards_app.command("check")
def check_cards(
    paths: Annotated[list[Path], typer.Argument(help="Card files (JSON, PNG, CHARX), or folders of them.")],
) -> None:
    """Tell what is wrong with cards. Exits with 1 when one cannot be used, 0 when they only have oddities."""
    from personas.check import check_card
    from personas.library import read_character

    failed = False
    for path in _card_files(paths):
        try:
            oddities = check_card(read_character(path).card)
        except PersonaError as error:
            failed = True
            _complain(str(error))
        else:
            _say(f"{path}: {'good' if not oddities else 'usable, but:'}")
            for line in oddities:
                _say(f"  - {line}")
    if failed:
        raise typer.Exit(1)


@cards_app.command("list")
def list_cards(context: typer.Context, folder: FolderOption = None) -> None:
    """Show the characters that ship with Acore and those in the characters folder."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from personas.library import bundled_characters, load_folder

    table = Table("id", "name", "voice", "verbosity", "topics", "from")
    kept_in = _kept_in(context, folder)
    kept = load_folder(kept_in) if kept_in.is_dir() else None
    rows = [(profile, "Acore") for profile in bundled_characters()]
    rows += [(profile, str(kept_in)) for profile in (kept.profiles if kept else ())]
    for profile, origin in rows:
        settings = profile.settings
        cells = (profile.id, profile.name, settings.voice or "default", settings.verbosity.value)
        table.add_row(*map(escape, (*cells, ", ".join(settings.topics), origin)))
    Console().print(table)
    for failure in kept.failures if kept else ():
        _complain(failure)


def _kept_in(context: typer.Context, folder: Path | None) -> Path:
    """The folder that was named, or the one the bot reads, so that it finds what is imported here."""
    if folder:
        return folder
    from pipeline.folders import characters_folder

    state: State = context.find_root().obj
    return characters_folder(state.load())


def _card_files(paths: list[Path]) -> list[Path]:
    """The files themselves, and the card files of the folders among them."""
    from personas.library import CARD_SUFFIXES

    return [
        file
        for path in paths
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
        if not path.is_dir() or file.suffix.lower() in CARD_SUFFIXES
    ]


def _say(line: str) -> None:
    typer.echo(line)


def _complain(line: str) -> None:
    typer.secho(line, fg="red", err=True)
