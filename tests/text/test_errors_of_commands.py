"""Whatever happens to a command, who used it is told."""

from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest
from discord import app_commands

from text.bot import AcoreBot
from text.rooms import RoomError


class Used:
    """An interaction: whether it has been answered, and what it is told."""

    command = SimpleNamespace(name="ask")

    def __init__(self, *, done: bool = False, gone: bool = False) -> None:
        self.told: list[tuple[str, str, bool]] = []
        self._gone = gone
        self.response = SimpleNamespace(is_done=lambda: done, send_message=self._to("response"))
        self.followup = SimpleNamespace(send=self._to("followup"))

    def _to(self, where: str):
        async def send(text: str, *, ephemeral: bool) -> None:
            if self._gone:
                raise discord.NotFound(cast(Any, SimpleNamespace(status=404, reason="gone")), "Unknown interaction")
            self.told.append((where, text, ephemeral))

        return send


def failed(original: Exception) -> app_commands.CommandInvokeError:
    command = SimpleNamespace(name="ask", qualified_name="ask")
    return app_commands.CommandInvokeError(cast(Any, command), original)


async def answer(used: Used, error: app_commands.AppCommandError) -> list[tuple[str, str, bool]]:
    await AcoreBot._answer_error(cast(Any, None), cast(Any, used), error)
    return used.told


LOGGED = "That went wrong on my side. It has been logged."


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (failed(RoomError("Name another one.")), "Name another one."),
        (failed(ZeroDivisionError()), LOGGED),
        (app_commands.AppCommandError("?"), LOGGED),
        (app_commands.CommandOnCooldown(app_commands.Cooldown(1, 30), 12.4), "Not so fast: try again in 12 seconds."),
        (app_commands.MissingPermissions(["manage_guild"]), "You need the permission Manage Server for that."),
        (app_commands.CheckFailure("no"), "You may not use this command."),
    ],
)
async def test_every_error_is_answered_and_only_to_who_asked(error: app_commands.AppCommandError, said: str) -> None:
    assert await answer(Used(), error) == [("response", said, True)]


async def test_a_command_that_failed_while_it_was_thinking_is_answered_too() -> None:
    assert await answer(Used(done=True), failed(ZeroDivisionError())) == [("followup", LOGGED, True)]


async def test_who_can_no_longer_be_answered_breaks_nothing() -> None:
    assert await answer(Used(gone=True), failed(ZeroDivisionError())) == []
