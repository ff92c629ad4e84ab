"""`acore run`."""

import typer

from pipeline.cli_state import State


def run(context: typer.Context) -> None:
    """Log in to Discord and serve: characters you write with in text channels and talk with in voice channels.

    Needs DISCORD_TOKEN. Invite the bot with the scopes `bot` and `applications.commands` and the permissions
    View Channel, Send Messages, Manage Webhooks, Connect and Speak; then mention it, or `/join` in a voice channel.
    """
    state: State = context.obj
    settings = state.load()

    from pipeline.cli_models import pull_models
    from pipeline.engines import EVERY_KIND, model_store, models_needed

    # Before anything is fetched or loaded for nothing.
    settings.discord.login_token()
    kinds = EVERY_KIND if settings.discord.voice else ("llm", "embedding")
    pull_models(model_store(settings), models_needed(settings, kinds))

    from pipeline.app import run_app

    run_app(settings)
