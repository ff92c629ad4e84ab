"""The `acore` command. Each command lives in a file of its own and imports what it needs only when it is run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli_bench import bench_app
from pipeline.cli_cards import cards_app
from pipeline.cli_chat import chat
from pipeline.cli_doctor import doctor
from pipeline.cli_knowledge import knowledge_app
from pipeline.cli_models import models_app
from pipeline.cli_replay import demo, replay
from pipeline.cli_run import run
from pipeline.cli_settings import settings_app
from pipeline.cli_state import State
from processors.errors import AcoreError

app = typer.Typer(
    name="acore",
    help="""Talk with AI characters: on Discord, from sound files, in the terminal.

    New here? `acore demo` plays a conversation, `acore doctor` checks this machine.""",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"acore {version('acore')}")
        raise typer.Exit


@app.callback()
def _common(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file.", show_default="acore.toml, if there is one")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log everything, and show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version.", callback=_version)] = False,
) -> None:
    context.obj = State(config, debug)


app.command()(run)
app.command()(demo)
app.command()(replay)
app.command()(chat)
app.command()(doctor)
app.add_typer(settings_app)
app.add_typer(models_app)
app.add_typer(bench_app)
app.add_typer(cards_app)
app.add_typer(knowledge_app)


def main() -> None:
    """Run the command line. An expected error is one line on the error stream and exit code 1."""
    debug = "--debug" in sys.argv
    try:
        app()
    except AcoreError as error:
        if debug:
            raise
        print(f"acore: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
