"""`acore settings`: what can be set, and what is."""

from typing import Annotated

import typer

from pipeline.cli_state import State

settings_app = typer.Typer(name="settings", help="What can be set, and what is set.", no_args_is_help=True)


@settings_app.command()
def example() -> None:
    """Print a commented acore.toml with every setting, its meaning and its default."""
    from pipeline.settings import example_toml

    typer.echo(example_toml(), nl=False)


@settings_app.command()
def show(
    context: typer.Context,
    changed: Annotated[bool, typer.Option("--changed", help="Only what differs from the default.")] = False,
) -> None:
    """Print every setting with the value in force."""
    from rich.console import Console
    from rich.table import Table

    from pipeline.settings import Settings, all_settings, value_of

    state: State = context.obj
    settings, defaults = state.load(), Settings()
    table = Table("setting", "value", "environment", box=None, pad_edge=False)
    for setting in all_settings():
        value = value_of(settings, setting)
        if changed and value == value_of(defaults, setting):
            continue
        shown = "(set)" if setting.secret and value else str(value)
        table.add_row(".".join(setting.path), shown, setting.env)
    Console().print(table)
