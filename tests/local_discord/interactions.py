"""Slash commands: a user invokes one, the bot answers in time or is refused."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.local_discord.gateway import MainGateway
from tests.local_discord.http_api import PREFIX, Body, answer, not_found, nothing, read_body, refusal
from tests.local_discord.messages import EPHEMERAL, Message, Messages
from tests.local_discord.world import Channel, User, World, snowflake

ANSWER_WITHIN_S = 3.0
"""Discord voids an interaction that has no first answer by then."""
_SUBCOMMAND, _SUBCOMMAND_GROUP = 1, 2
_OPTION_USER, _OPTION_CHANNEL, _OPTION_FILE = 6, 7, 11
_MESSAGE, _DEFERRED, _CHOICES = 4, 5, 8


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a user gives to a command."""

    name: str
    data: bytes


OptionValue = str | int | float | bool | User | Channel | Upload


class NoAnswer(Exception):
    """The bot did not answer an interaction within three seconds."""


@dataclass(slots=True, eq=False)
class Interaction:
    """One invocation and all that the bot said to it."""

    id: int
    token: str
    user: User
    channel: Channel
    asked_s: float = field(default_factory=time.monotonic)
    answered_s: float | None = None
    """When the first answer came, on the same clock as `asked_s`."""
    kind: int = 0
    """The first answer's type: 4 message, 5 "thinking", 8 choices."""
    ephemeral: bool = False
    """Whether the first answer is only for the user."""
    response: Message | None = None
    """The answer itself; None while the bot "is thinking"."""
    followups: list[Message] = field(default_factory=list)
    choices: list[dict[str, Any]] = field(default_factory=list)
    """What an autocomplete offered."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def text(self) -> str:
        """What the answer says now."""
        return self.response.content if self.response else ""

    @property
    def answer_ms(self) -> float:
        """How long the first answer took."""
        if self.answered_s is None:
            raise NoAnswer(f"interaction {self.id} was not answered")
        return (self.answered_s - self.asked_s) * 1000

    async def finished(self, timeout_s: float = 10.0) -> Message:
        """Wait until the bot has stopped "thinking", and return the answer."""
        await self.until(lambda: self.response is not None, timeout_s)
        assert self.response is not None
        return self.response

    async def until(self, holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait until something about the answers holds."""
        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(holds)

    async def notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()


class Interactions:
    """Sends interactions to the bot and takes its answers."""

    def __init__(
        self, world: World, gateway: MainGateway, messages: Messages, commands: Callable[[], list[dict[str, Any]]]
    ) -> None:
        self._world = world
        self._gateway = gateway
        self._messages = messages
        self._commands = commands
        self._open: dict[str, Interaction] = {}

    def routes(self) -> list[web.RouteDef]:
        """Must come before the webhooks' routes, whose paths they share."""
        webhook = f"{PREFIX}/webhooks/{self._world.bot.id}/{{token}}"
        return [
            web.post(PREFIX + "/interactions/{id}/{token}/callback", self._callback),
            web.post(webhook, self._followup),
            web.get(webhook + "/messages/{message}", self._get),
            web.patch(webhook + "/messages/{message}", self._edit),
            web.delete(webhook + "/messages/{message}", self._delete),
        ]

    async def invoke(
        self, user: User, command: str, options: dict[str, OptionValue], channel: Channel, kind: int = 2
    ) -> Interaction:
        """Invoke a command ("join", or "vc status" for a subcommand) and wait for the first answer.

        `kind` is 2 for an invocation, 4 for an autocomplete of the last option.

        Raises:
            LookupError: the bot has not registered the command or option.
            NoAnswer: three seconds passed.
        """
        interaction = Interaction(snowflake(), secrets.token_hex(16), user, channel)
        self._open[interaction.token] = interaction
        permissions = self._world.permissions(user, channel)
        await self._gateway.dispatch(
            "INTERACTION_CREATE",
            {
                "id": str(interaction.id),
                "application_id": str(self._world.bot.id),
                "type": kind,
                "token": interaction.token,
                "version": 1,
                "guild_id": str(self._world.guild_of(channel)),
                "channel_id": str(channel.id),
                "channel": channel.payload(self._world.guild_id) | {"permissions": str(int(permissions))},
                "member": self._world.member(user) | {"permissions": str(int(permissions))},
                "app_permissions": str(int(self._world.permissions(self._world.bot, channel))),
                "locale": "en-US",
                "guild_locale": "en-US",
                "entitlements": [],
                "authorizing_integration_owners": {"0": str(self._world.guild_of(channel))},
                "context": 0,
                "attachment_size_limit": 10 << 20,
                "data": self._data(command, options, focus_last=kind == 4),
            },
        )
        try:
            await interaction.until(lambda: interaction.answered_s is not None, ANSWER_WITHIN_S)
        except TimeoutError as error:
            raise NoAnswer(f"/{command} was not answered within {ANSWER_WITHIN_S:g} s") from error
        return interaction

    def _data(self, command: str, options: dict[str, OptionValue], focus_last: bool) -> dict[str, Any]:
        name, *path = command.split()
        registered = _find(self._commands(), name)
        leaf = registered
        for part in path:
            leaf = _find(leaf.get("options", []), part)
        resolved: dict[str, dict[str, Any]] = {}
        given: list[dict[str, Any]] = []
        for option, value in options.items():
            kind = _find(leaf.get("options", []), option)["type"]
            given.append({"name": option, "type": kind, "value": self._value(kind, value, resolved)})
        if focus_last and given:
            given[-1]["focused"] = True
        for part in reversed(path):
            is_group = part != path[-1]
            given = [{"name": part, "type": _SUBCOMMAND_GROUP if is_group else _SUBCOMMAND, "options": given}]
        return {"id": registered["id"], "name": name, "type": 1, "options": given, "resolved": resolved}

    def _value(self, kind: int, value: OptionValue, resolved: dict[str, dict[str, Any]]) -> str | int | float | bool:
        if isinstance(value, User):
            if kind != _OPTION_USER:
                raise LookupError("the option does not take a user")
            member = {key: item for key, item in self._world.member(value).items() if key != "user"}
            resolved.setdefault("users", {})[str(value.id)] = value.payload()
            resolved.setdefault("members", {})[str(value.id)] = member | {"permissions": "0"}
            return str(value.id)
        if isinstance(value, Channel):
            if kind != _OPTION_CHANNEL:
                raise LookupError("the option does not take a channel")
            payload = value.payload(self._world.guild_id) | {"permissions": "0"}
            resolved.setdefault("channels", {})[str(value.id)] = payload
            return str(value.id)
        if isinstance(value, Upload):
            if kind != _OPTION_FILE:
                raise LookupError("the option does not take a file")
            id = snowflake()
            resolved.setdefault("attachments", {})[str(id)] = self._messages.upload(id, value.name, value.data)
            return str(id)
        return value

    # ------------------------------------------------------------------ routes

    async def _callback(self, request: web.Request) -> web.Response:
        interaction = self._open.get(request.match_info["token"])
        if interaction is None or time.monotonic() - interaction.asked_s > ANSWER_WITHIN_S:
            return not_found("interaction", 10062)
        if interaction.answered_s is not None:
            return refusal(400, 40060, "Interaction has already been acknowledged.")
        body = await read_body(request)
        data = body.json.get("data") or {}
        interaction.answered_s = time.monotonic()
        interaction.kind = body.json["type"]
        interaction.ephemeral = bool((data.get("flags") or 0) & EPHEMERAL)
        interaction.choices = data.get("choices") or []
        if interaction.kind == _MESSAGE:
            await self._respond(interaction, Body(data, body.files))
        await interaction.notify()
        if request.query.get("with_response", "").lower() not in ("true", "1"):
            return nothing()
        return answer(self._callback_response(interaction))

    async def _followup(self, request: web.Request) -> web.Response:
        interaction = self._open.get(request.match_info["token"])
        if interaction is None or interaction.answered_s is None:
            return not_found("Webhook", 10015)
        body = await read_body(request)
        if interaction.kind == _DEFERRED and interaction.response is None:
            # Discord lets the first followup of a deferred answer take its place.
            message = await self._respond(interaction, body)
        else:
            message = await self._say(interaction, self._messages.write(interaction.channel, self._world.bot, body))
            interaction.followups.append(message)
        await interaction.notify()
        return answer(self._messages.payload(message))

    async def _get(self, request: web.Request) -> web.Response:
        message = self._message(request)
        return answer(self._messages.payload(message)) if message else not_found("Message", 10008)

    async def _edit(self, request: web.Request) -> web.Response:
        interaction = self._open.get(request.match_info["token"])
        if interaction is None:
            return not_found("Webhook", 10015)
        body = await read_body(request)
        message = self._message(request)
        if message is not None:
            message.edit(body.json, body.files)
            if not message.ephemeral:
                await self._messages.changed(message)
        elif request.match_info["message"] == "@original" and interaction.kind == _DEFERRED:
            message = await self._respond(interaction, body)
        else:
            return not_found("Message", 10008)
        await interaction.notify()
        return answer(self._messages.payload(message))

    async def _delete(self, request: web.Request) -> web.Response:
        message = self._message(request)
        if message is None:
            return not_found("Message", 10008)
        if message.ephemeral:
            message.deleted = True
        else:
            await self._messages.delete(message)
        await self._open[request.match_info["token"]].notify()
        return nothing()

    # ------------------------------------------------------------------ inside

    async def _respond(self, interaction: Interaction, body: Body) -> Message:
        message = self._messages.write(interaction.channel, self._world.bot, body)
        message.flags |= EPHEMERAL if interaction.ephemeral else 0
        interaction.response = await self._say(interaction, message)
        return message

    async def _say(self, interaction: Interaction, message: Message) -> Message:
        return message if message.ephemeral else await self._messages.add(message)

    def _message(self, request: web.Request) -> Message | None:
        interaction = self._open.get(request.match_info["token"])
        if interaction is None:
            return None
        wanted = request.match_info["message"]
        if wanted == "@original":
            return interaction.response
        said = [*interaction.followups, *([interaction.response] if interaction.response else [])]
        return next((message for message in said if message.id == int(wanted)), None)

    def _callback_response(self, interaction: Interaction) -> dict[str, Any]:
        response = interaction.response
        about: dict[str, Any] = {
            "id": str(interaction.id),
            "type": 2,
            "response_message_id": str(response.id if response else snowflake()),
            "response_message_loading": response is None,
            "response_message_ephemeral": interaction.ephemeral,
        }
        resource: dict[str, Any] = {"type": interaction.kind}
        if response is not None:
            resource["message"] = self._messages.payload(response)
        return {"interaction": about, "resource": resource}


def _find(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for item in items:
        if item["name"] == name:
            return item
    raise LookupError(f"the bot has registered no command or option {name!r} here")
