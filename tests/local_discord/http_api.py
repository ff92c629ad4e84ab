"""The REST API's frame: who may call, what every answer looks like, and the routes that describe the bot."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.local_discord.rate_limits import RateLimits
from tests.local_discord.world import User, World, snowflake

_log = logging.getLogger(__name__)

PREFIX = "/api/v10"
_NO_TOKEN_NEEDED = ("/interactions/", "/webhooks/")
"""These carry their own token in the path."""

MESSAGE_CONTENT_FLAG = 1 << 18
"""Of an application that was given the Message Content Intent."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class RestCall:
    """One REST request a bot made."""

    method: str
    path: str
    body: Any
    status: int


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries: JSON, and files when it is a form."""

    json: Any
    files: tuple[tuple[str, bytes], ...] = ()


def answer(data: Any, status: int = 200) -> web.Response:
    """A JSON answer. The type is exactly Discord's: discord.py compares the header verbatim."""
    body = json.dumps(data).encode()
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json"})


def nothing() -> web.Response:
    """204."""
    return web.Response(status=204)


def refusal(status: int, code: int, message: str) -> web.Response:
    """An error as Discord words it."""
    return answer({"message": message, "code": code}, status)


def not_found(what: str, code: int) -> web.Response:
    return refusal(404, code, f"Unknown {what}")


async def read_body(request: web.Request) -> Body:
    """The request's JSON, from the body or from a form's `payload_json`."""
    if request.content_type == "application/json":
        return Body(await request.json() if request.can_read_body else {})
    if request.content_type != "multipart/form-data":
        return Body({})
    payload: Any = {}
    files: list[tuple[str, bytes]] = []
    for name, value in (await request.post()).items():
        if name == "payload_json":
            payload = json.loads(value.file.read() if isinstance(value, web.FileField) else value)
        elif isinstance(value, web.FileField):
            files.append((value.filename, value.file.read()))
    return Body(payload, tuple(files))


class HttpApi:
    """Serves `/api/v10`; messages and interactions add their own routes."""

    def __init__(self, world: World, token: str, gateway_url: Callable[[], str]) -> None:
        self.rate_limits = RateLimits()
        self.calls: list[RestCall] = []
        """Every request, in the order of its answers."""
        self.unknown: list[RestCall] = []
        """Requests for routes that this server does not have."""
        self.commands: list[dict[str, Any]] = []
        """The application commands that the bot has registered."""
        self.emojis: list[dict[str, Any]] = []
        """The application's own."""
        self._world = world
        self._token = token
        self._gateway_url = gateway_url

    @property
    def invalid(self) -> int:
        """Answers of 401, 403 and 429: Discord bans an address that collects 10,000 in ten minutes."""
        return sum(1 for call in self.calls if call.status in (401, 403, 429))

    def install(self, app: web.Application) -> None:
        """Add the middleware and this file's routes; call it after every other route is added."""
        app.middlewares.append(self._middleware())
        application = f"{PREFIX}/applications/{self._world.bot.id}"
        guild_commands = f"{application}/guilds/{self._world.guild_id}/commands"
        app.add_routes(
            [
                web.get(f"{PREFIX}/users/@me", self._me),
                web.get(f"{PREFIX}/users/{{user}}", self._user),
                web.get(f"{PREFIX}/oauth2/applications/@me", self._application),
                web.get(f"{PREFIX}/applications/@me", self._application),
                web.get(f"{PREFIX}/gateway/bot", self._gateway),
                web.get(f"{PREFIX}/guilds/{self._world.guild_id}", self._guild),
                web.get(f"{PREFIX}/guilds/{{guild}}/members/{{user}}", self._member),
                web.get(f"{PREFIX}/channels/{{channel}}", self._channel),
                web.get(f"{application}/commands", self._commands),
                web.put(f"{application}/commands", self._register),
                web.get(f"{application}/emojis", self._list_emojis),
                web.post(f"{application}/emojis", self._make_emoji),
                web.get(guild_commands, self._commands),
                web.put(guild_commands, self._register),
                web.route("*", PREFIX + "/{rest:.*}", self._unknown),
            ]
        )

    def _middleware(self) -> Any:
        @web.middleware
        async def judge(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not request.path.startswith(PREFIX):
                return await handler(request)
            path = request.path.removeprefix(PREFIX)
            verdict = self.rate_limits.judge(request.method, path)
            if verdict.retry_after_s is not None:
                response = self._too_many(verdict.retry_after_s, verdict.everywhere)
            elif not self._authorised(request, path):
                response = refusal(401, 0, "401: Unauthorized")
            else:
                response = await handler(request)
            response.headers.update(verdict.headers)
            # discord.py takes a 429 without this header for a ban by Cloudflare.
            response.headers["Via"] = "1.1 google"
            body = (
                await request.json() if request.content_type == "application/json" and request.can_read_body else None
            )
            call = RestCall(request.method, path, body, response.status)
            self.calls.append(call)
            return response

        return judge

    def _authorised(self, request: web.Request, path: str) -> bool:
        return path.startswith(_NO_TOKEN_NEEDED) or request.headers.get("Authorization") == f"Bot {self._token}"

    def _too_many(self, retry_after_s: float, everywhere: bool) -> web.Response:
        message = {"message": "You are being rate limited.", "retry_after": retry_after_s, "global": everywhere}
        return answer(message, 429)

    # ------------------------------------------------------------------ routes

    async def _me(self, request: web.Request) -> web.Response:
        return answer(self._world.bot.payload())

    async def _user(self, request: web.Request) -> web.Response:
        user = self._named(request)
        return answer(user.payload()) if user else not_found("User", 10013)

    async def _member(self, request: web.Request) -> web.Response:
        user = self._named(request)
        return answer(self._world.member(user)) if user else not_found("Member", 10007)

    async def _channel(self, request: web.Request) -> web.Response:
        channel = self._world.channels.get(int(request.match_info["channel"]))
        return answer(channel.payload(self._world.guild_id)) if channel else not_found("Channel", 10003)

    async def _guild(self, request: web.Request) -> web.Response:
        return answer(self._world.guild())

    async def _application(self, request: web.Request) -> web.Response:
        return answer(
            {
                "id": str(self._world.bot.id),
                "name": self._world.bot.name,
                "icon": None,
                "description": "",
                "summary": "",
                "bot_public": True,
                "bot_require_code_grant": False,
                "verify_key": "0" * 64,
                "flags": MESSAGE_CONTENT_FLAG if self._world.message_content else 0,
                "owner": self._world.owner.payload(),
                "team": None,
            }
        )

    async def _gateway(self, request: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
        return answer({"url": self._gateway_url(), "shards": 1, "session_start_limit": limit})

    async def _commands(self, request: web.Request) -> web.Response:
        return answer(self.commands)

    async def _register(self, request: web.Request) -> web.Response:
        bot_id = str(self._world.bot.id)
        self.commands = [
            {"type": 1, **command, "id": str(int(bot_id) + 1 + index), "application_id": bot_id, "version": "1"}
            for index, command in enumerate(await request.json())
        ]
        return answer(self.commands)

    async def _list_emojis(self, request: web.Request) -> web.Response:
        return answer({"items": self.emojis})

    async def _make_emoji(self, request: web.Request) -> web.Response:
        body = await request.json()
        if not body["image"].startswith("data:image/png;base64,"):
            return refusal(400, 50035, "Invalid Form Body: image")
        emoji = {"id": str(snowflake()), "name": body["name"], "animated": False, "require_colons": True}
        self.emojis.append(emoji | {"managed": False, "available": True, "roles": []})
        return answer(self.emojis[-1], 201)

    async def _unknown(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix(PREFIX)
        _log.warning("no such route: %s %s", request.method, path)
        self.unknown.append(RestCall(request.method, path, None, 404))
        return refusal(404, 0, "404: Not Found")

    def _named(self, request: web.Request) -> User | None:
        return self._world.users.get(int(request.match_info["user"]))
