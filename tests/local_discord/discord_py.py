"""Pointing an in-process discord.py at the server. A bot process needs only `LocalDiscord.env()`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord.gateway
import discord.http
import yarl

from tests.local_discord.server import LocalDiscord


@contextmanager
def discord_py_meets(server: LocalDiscord) -> Iterator[None]:
    """While open, discord.py in this process talks to `server`; clients need `connector(server)` to trust it."""
    base, gateway = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
    discord.http.Route.BASE = server.api_base
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.env()["DISCORD_GATEWAY_URL"])
    try:
        yield
    finally:
        discord.http.Route.BASE = base
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway


def connector(server: LocalDiscord) -> aiohttp.TCPConnector:
    """The `connector` of a `discord.Client` that trusts `server`.

    `SSL_CERT_FILE` is no help within a process: aiohttp reads it when it is imported.
    """
    return aiohttp.TCPConnector(limit=0, ssl=server.certificate.client_context())
