"""The states of all servers in memory, written to their store a little after they change."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from loguru import logger

from personas.saved import from_json, to_json
from text.cast.state import GuildState
from text.cast.store import StateStore

_DIRECT = "direct"
"""Key of direct messages, which belong to no server."""


class Keeper:
    """A state for each server. What changes within `write_after_s` is written once."""

    def __init__(self, store: StateStore | None, *, write_after_s: float = 2.0) -> None:
        """`store` is None to keep nothing."""
        self._store = store
        self._write_after_s = write_after_s
        self._states: dict[str, GuildState] = {}
        self._unsaved: set[str] = set()
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._at_disk = asyncio.Lock()

    async def load(self) -> None:
        """Read what was kept.

        Raises:
            SettingError: it cannot be read, or is damaged.
            PersonaError: it is the state of something else.
        """
        if self._store:
            self._states |= await asyncio.to_thread(_read, self._store)

    def get(self, guild_id: str) -> GuildState:
        """A server's state; a new one's when nothing is known of it."""
        return self._states.get(guild_id or _DIRECT, GuildState())

    def put(self, guild_id: str, state: GuildState) -> None:
        """Set a server's state."""
        key = guild_id or _DIRECT
        if state == self._states.get(key):
            return
        self._states[key] = state
        self._unsaved.add(key)
        if self._store and self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_soon(), name="write characters' state")

    def change(self, guild_id: str, channel_id: str, **changes: Any) -> None:
        """Change fields of a channel's state."""
        state = self.get(guild_id)
        self.put(guild_id, state.with_channel(channel_id, replace(state.channel(channel_id), **changes)))

    def all(self) -> Mapping[str, GuildState]:
        """The states by server, for going through them."""
        return dict(self._states)

    def bonds_of(self, party: str) -> list[dict[str, Any]]:
        """How the characters stand to a person, as data."""
        return [
            {"server": guild_id, "with": other, "affinity": round(bond.affinity), "exchanges": bond.exchanges}
            for guild_id, state in self._states.items()
            for other, bond in state.bonds.of(party).items()
        ]

    async def drop(self, guild_id: str) -> None:
        """Forget a server, on disk too.

        Raises:
            OSError: it is still on disk.
        """
        key = guild_id or _DIRECT
        async with self._at_disk:
            self._states.pop(key, None)
            self._unsaved.discard(key)
            if self._store:
                await asyncio.to_thread(self._store.drop, key)

    async def flush(self) -> None:
        """Write now what is not yet written.

        Raises:
            OSError: some of it could not be.
        """
        if failed := await self._write():
            raise OSError(f"the state of {len(failed)} servers could not be kept")

    async def close(self) -> None:
        """Write what is not yet written."""
        self._closing.set()
        if self._writing:
            await self._writing

    async def _write_soon(self) -> None:
        while self._unsaved:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._write_after_s)
            await self._write()
        self._writing = None

    async def _write(self) -> list[str]:
        """The keys of what could not be written."""
        async with self._at_disk:
            unsaved, self._unsaved = self._unsaved, set()
            if self._store:
                states = {key: self._states[key] for key in unsaved}
                return await asyncio.to_thread(_write, self._store, states)
        return []


def _read(store: StateStore) -> dict[str, GuildState]:
    return {key: from_json(GuildState, document) for key, document in store.read().items()}


def _write(store: StateStore, states: Mapping[str, GuildState]) -> list[str]:
    failed: list[str] = []
    for key, state in states.items():
        try:
            store.write(key, to_json(state))
        except OSError as error:
            # They hold for as long as the bot runs; the next change is written anew.
            logger.error("the characters' state could not be kept: {}", error)
            failed.append(key)
    return failed
