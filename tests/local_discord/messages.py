"""Text: messages sent, edited and deleted by anyone, reactions, typing, and webhooks."""

from __future__ import annotations

import asyncio
import datetime
import mimetypes
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.local_discord.gateway import MainGateway
from tests.local_discord.http_api import PREFIX, Body, answer, not_found, nothing, read_body, refusal
from tests.local_discord.world import DM, Channel, Permission, User, World, snowflake

EPHEMERAL = 1 << 6
_LONGEST = 2000
_WEBHOOKS_PER_CHANNEL = 15
_MENTION = re.compile(r"<@!?(\d+)>")


@dataclass(slots=True, eq=False)
class Message:
    """One message, with what became of it."""

    id: int
    channel: Channel
    author: User
    content: str
    embeds: list[Any] = field(default_factory=list)
    flags: int = 0
    files: tuple[tuple[str, bytes], ...] = ()
    reply_to: int | None = None
    webhook_id: int | None = None
    avatar_url: str | None = None
    """Of a webhook's message."""
    mentions_allowed: Any = None
    """What the bot said of mentions."""
    at_s: float = field(default_factory=time.monotonic)
    earlier: list[str] = field(default_factory=list)
    """What it said before its edits, oldest first."""
    deleted: bool = False
    reactions: list[str] = field(default_factory=list)
    created: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))

    @property
    def ephemeral(self) -> bool:
        """Only the user who asked sees it."""
        return bool(self.flags & EPHEMERAL)

    def edit(self, payload: dict[str, Any], files: tuple[tuple[str, bytes], ...] = ()) -> None:
        """Take over what an edit changes."""
        if payload.get("content") is not None:
            self.earlier.append(self.content)
            self.content = payload["content"]
        if payload.get("embeds") is not None:
            self.embeds = payload["embeds"]
        self.files += files


@dataclass(slots=True, eq=False)
class Webhook:
    """A webhook the bot has made."""

    id: int
    token: str
    name: str
    channel: Channel


class Messages:
    """Every channel's messages."""

    def __init__(self, world: World, gateway: MainGateway, base: Callable[[], str]) -> None:
        """`base` is the server's address, under which attachments can be fetched."""
        self._base = base
        self.all: list[Message] = []
        """In order of arrival, deleted ones too; never ephemeral ones."""
        self.typing: list[int] = []
        """Channel ids in which the bot showed that it types."""
        self.webhooks: dict[int, Webhook] = {}
        self._uploads: dict[int, bytes] = {}
        self._world = world
        self._gateway = gateway
        self._changed = asyncio.Condition()

    def routes(self) -> list[web.RouteDef]:
        messages = PREFIX + "/channels/{channel}/messages"
        webhook = PREFIX + "/webhooks/{webhook}/{token}"
        return [
            web.post(messages, self._post),
            web.get(messages, self._history),
            web.get(messages + "/{message}", self._get),
            web.patch(messages + "/{message}", self._patch),
            web.delete(messages + "/{message}", self._delete),
            web.put(messages + "/{message}/reactions/{emoji}/@me", self._react),
            web.post(PREFIX + "/channels/{channel}/typing", self._type),
            web.get(PREFIX + "/channels/{channel}/webhooks", self._list_webhooks),
            web.post(PREFIX + "/channels/{channel}/webhooks", self._make_webhook),
            web.post(webhook, self._post_webhook),
            web.patch(webhook + "/messages/{message}", self._patch_webhook),
            web.delete(webhook + "/messages/{message}", self._delete),
            web.get("/attachments/{message}/{index}/{name}", self._attachment),
            web.get("/uploads/{id}/{name}", self._upload),
        ]

    # ------------------------------------------------------------------ what tests and interactions use

    def of(self, channel: Channel) -> list[Message]:
        """What can be read in a channel now, oldest first."""
        return [message for message in self.all if message.channel is channel and not message.deleted]

    async def until(self, holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait until something about the messages holds."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(holds)

    async def add(self, message: Message) -> Message:
        """Put a message into its channel and tell the bots."""
        self.all.append(message)
        await self._tell("MESSAGE_CREATE", message)
        return message

    async def changed(self, message: Message) -> None:
        """Tell the bots of an edit."""
        await self._tell("MESSAGE_UPDATE", message)

    async def delete(self, message: Message) -> None:
        """Delete a message and tell the bots."""
        message.deleted = True
        gone = {"id": str(message.id), "channel_id": str(message.channel.id)} | self._guild_of(message)
        await self._gateway.dispatch("MESSAGE_DELETE", gone)
        await self._notify()

    async def delete_webhooks(self, channel: Channel) -> None:
        """A moderator deletes the webhooks of a channel; what they posted stays."""
        self.webhooks = {id: webhook for id, webhook in self.webhooks.items() if webhook.channel is not channel}
        changed = {"guild_id": str(self._world.guild_of(channel)), "channel_id": str(channel.id)}
        await self._gateway.dispatch("WEBHOOKS_UPDATE", changed)

    def write(self, channel: Channel, author: User, body: Body, webhook_id: int | None = None) -> Message:
        """A new message from what a request carries; not yet in its channel."""
        reference = body.json.get("message_reference") or {}
        return Message(
            snowflake(),
            channel,
            author,
            body.json.get("content") or "",
            body.json.get("embeds") or [],
            body.json.get("flags") or 0,
            body.files,
            int(reference["message_id"]) if reference else None,
            webhook_id,
            body.json.get("avatar_url"),
            body.json.get("allowed_mentions"),
        )

    def payload(self, message: Message) -> dict[str, Any]:
        """A message as Discord writes it."""
        mentioned = (self._world.users.get(int(user)) for user in _MENTION.findall(message.content))
        data: dict[str, Any] = {
            "id": str(message.id),
            "channel_id": str(message.channel.id),
            "author": message.author.payload(),
            "content": message.content,
            "timestamp": message.created.isoformat(),
            "edited_timestamp": message.created.isoformat() if message.earlier else None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [user.payload() | {"member": self._world.member(user)} for user in mentioned if user],
            "mention_roles": [],
            "attachments": [self._file(message, index, name, data) for index, (name, data) in enumerate(message.files)],
            "embeds": message.embeds,
            "pinned": False,
            "type": 19 if message.reply_to else 0,
            "flags": message.flags,
            "components": [],
        }
        if message.webhook_id is not None:
            data["webhook_id"] = str(message.webhook_id)
            data["application_id"] = str(self._world.bot.id)
        if message.reply_to is not None:
            data["message_reference"] = {
                "message_id": str(message.reply_to),
                "channel_id": str(message.channel.id),
            } | self._guild_of(message)
            quoted = next((m for m in self.all if m.id == message.reply_to and not m.deleted), None)
            data["referenced_message"] = self.payload(quoted) if quoted else None
        return data

    # ------------------------------------------------------------------ routes

    async def _post(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        if channel is None:
            return not_found("Channel", 10003)
        needed = Permission.SEND_MESSAGES | Permission.VIEW_CHANNEL
        if self._world.permissions(self._world.bot, channel) & needed != needed:
            return refusal(403, 50013, "Missing Permissions")
        body = await read_body(request)
        return self._complaint(body) or answer(self.payload(await self.add(self.write(channel, self._world.bot, body))))

    async def _history(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        if channel is None:
            return not_found("Channel", 10003)
        newest_first = self.of(channel)[::-1]
        if before := request.query.get("before"):
            newest_first = [message for message in newest_first if message.id < int(before)]
        limit = int(request.query.get("limit", 50))
        return answer([self.payload(message) for message in newest_first[:limit]])

    async def _get(self, request: web.Request) -> web.Response:
        message = self._message(request)
        return answer(self.payload(message)) if message else not_found("Message", 10008)

    async def _patch(self, request: web.Request) -> web.Response:
        message = self._message(request)
        if message is None:
            return not_found("Message", 10008)
        body = await read_body(request)
        message.edit(body.json, body.files)
        await self.changed(message)
        return answer(self.payload(message))

    async def _patch_webhook(self, request: web.Request) -> web.Response:
        return await self._patch(request) if self._webhook(request) else not_found("Webhook", 10015)

    async def _delete(self, request: web.Request) -> web.Response:
        message = self._message(request)
        if message is None:
            return not_found("Message", 10008)
        await self.delete(message)
        return nothing()

    async def _react(self, request: web.Request) -> web.Response:
        message = self._message(request)
        if message is None:
            return not_found("Message", 10008)
        message.reactions.append(request.match_info["emoji"])
        return nothing()

    async def _type(self, request: web.Request) -> web.Response:
        self.typing.append(int(request.match_info["channel"]))
        return nothing()

    async def _list_webhooks(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        return answer([self._webhook_payload(w) for w in self.webhooks.values() if w.channel is channel])

    async def _make_webhook(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        if channel is None:
            return not_found("Channel", 10003)
        if not self._world.permissions(self._world.bot, channel) & Permission.MANAGE_WEBHOOKS:
            return refusal(403, 50013, "Missing Permissions")
        if sum(1 for w in self.webhooks.values() if w.channel is channel) >= _WEBHOOKS_PER_CHANNEL:
            return refusal(400, 30007, f"Maximum number of webhooks reached ({_WEBHOOKS_PER_CHANNEL})")
        name = (await read_body(request)).json["name"]
        webhook = Webhook(snowflake(), f"webhook-{len(self.webhooks)}", name, channel)
        self.webhooks[webhook.id] = webhook
        return answer(self._webhook_payload(webhook))

    async def _post_webhook(self, request: web.Request) -> web.Response:
        webhook = self._webhook(request)
        if webhook is None:
            return not_found("Webhook", 10015)
        body = await read_body(request)
        if complaint := self._complaint(body):
            return complaint
        author = User(webhook.id, body.json.get("username") or webhook.name, bot=True)
        thread_id = request.query.get("thread_id")
        channel = self._world.channels[int(thread_id)] if thread_id else webhook.channel
        message = await self.add(self.write(channel, author, body, webhook.id))
        return answer(self.payload(message)) if request.query.get("wait") in ("true", "1") else nothing()

    # ------------------------------------------------------------------ inside

    def _complaint(self, body: Body) -> web.Response | None:
        content = body.json.get("content") or ""
        if len(content) > _LONGEST:
            return refusal(400, 50035, "Invalid Form Body: content must be 2000 or fewer in length")
        if not content and not body.files and not body.json.get("embeds") and not body.json.get("components"):
            return refusal(400, 50006, "Cannot send an empty message")
        return None

    def _channel(self, request: web.Request) -> Channel | None:
        return self._world.channels.get(int(request.match_info["channel"]))

    def _message(self, request: web.Request) -> Message | None:
        wanted = int(request.match_info["message"])
        return next((m for m in self.all if m.id == wanted and not m.deleted), None)

    def _webhook(self, request: web.Request) -> Webhook | None:
        webhook = self.webhooks.get(int(request.match_info["webhook"]))
        return webhook if webhook and webhook.token == request.match_info["token"] else None

    async def _attachment(self, request: web.Request) -> web.Response:
        wanted = int(request.match_info["message"])
        message = next((m for m in self.all if m.id == wanted), None)
        if message is None:
            return web.Response(status=404)
        return web.Response(body=message.files[int(request.match_info["index"])][1])

    async def _upload(self, request: web.Request) -> web.Response:
        return web.Response(body=self._uploads[int(request.match_info["id"])])

    def upload(self, id: int, name: str, data: bytes) -> dict[str, Any]:
        """Take a file that belongs to no message, as commands are given them."""
        self._uploads[id] = data
        return _described(id, name, data, f"{self._base()}/uploads/{id}/{name}")

    def _file(self, message: Message, index: int, name: str, data: bytes) -> dict[str, Any]:
        return _described(index, name, data, f"{self._base()}/attachments/{message.id}/{index}/{name}")

    def _guild_of(self, message: Message) -> dict[str, str]:
        return {} if message.channel.kind == DM else {"guild_id": str(self._world.guild_of(message.channel))}

    def _webhook_payload(self, webhook: Webhook) -> dict[str, Any]:
        return {
            "id": str(webhook.id),
            "type": 1,
            "token": webhook.token,
            "name": webhook.name,
            "avatar": None,
            "channel_id": str(webhook.channel.id),
            "guild_id": str(self._world.guild_of(webhook.channel)),
            "application_id": str(self._world.bot.id),
            "user": self._world.bot.payload(),
        }

    async def _tell(self, event: str, message: Message) -> None:
        data = self.payload(message) | self._guild_of(message)
        if message.webhook_id is None and message.channel.kind != DM:
            member = self._world.member(message.author)
            data["member"] = {key: value for key, value in member.items() if key != "user"}
        await self._gateway.dispatch(event, data)
        await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _described(id: int, name: str, data: bytes, url: str) -> dict[str, Any]:
    kind = mimetypes.guess_type(name)[0]
    return {
        "id": str(id),
        "filename": name,
        "size": len(data),
        "url": url,
        "proxy_url": url,
        "content_type": kind,
    }
