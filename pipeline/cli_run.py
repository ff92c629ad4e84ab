"""`acore run`."""

import typer

from pipeline.cli_state import State


def run(context: typer.Context) -> None:
    """Log in to Discord and serve: characters you talk with in voice channels.

    Needs DISCORD_TOKEN. Invite the bot with the scopes `bot` and `applications.commands` and the permissions
    View Channel, Connect, Speak and Send Messages; then `/join` in a voice channel.
    """
    state: State = context.obj
    settings = state.load()

    from pipeline.cli_models import pull_models
    from pipeline.engines import model_store, models_needed

    # Before anything is fetched or loaded for nothing.
    settings.discord.login_token()
    pull_models(model_store(settings), models_needed(settings))

    from pipeline.app import run_app

    run_app(settings)
