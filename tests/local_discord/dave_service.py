"""DAVE's delivery service for one call: opcodes 21 to 31 of the voice gateway."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass

from tests.local_discord.mls import BadMls, Proposal, parse_commit, parse_key_package, vector
from tests.local_discord.mls_group import Group
from tests.local_discord.tasks import Tasks
from tests.local_discord.voice_session import Call, VoiceSession

_log = logging.getLogger(__name__)

_PROTOCOL_VERSION = 1
_TRANSITION_TIMEOUT_S = 2.0
"""A transition is executed without those who did not report ready by then."""
_APPEND, _REVOKE = b"\0", b"\1"


@dataclass(slots=True)
class DaveCounts:
    """What happened in a call's group."""

    epochs: int = 0
    executed: int = 0
    """Transitions told to everyone."""
    losing_commits: int = 0
    """Commits that lost the race, or did not fit."""
    reported_invalid: int = 0
    """Op 31: a client could not use a commit or a welcome."""


class DaveService:
    """Moves a call's MLS group as people come and go."""

    def __init__(self, call: Call, tasks: Tasks) -> None:
        self.group = Group(call.channel_id)
        self.counts = DaveCounts()
        self.version = _PROTOCOL_VERSION
        self._call = call
        self._tasks = tasks
        self._transition = 0
        self._waiting: dict[int, set[int]] = {}

    async def arrived(self, session: VoiceSession) -> None:
        """A user finished the handshake: it learns the external sender and answers with its key package."""
        await session.send_binary(25, self.group.external_sender.package)

    async def left(self, user_id: int) -> None:
        """A user is gone from the call."""
        remaining = [s for s in self._call.sessions.values() if s.connected]
        for transition in list(self._waiting):
            await self.ready(user_id, transition)
        if self.group.established and len(remaining) == 1:
            # A group of one has nobody to talk to: it starts over (the paper's "sole member reset").
            self.group.reset()
            await remaining[0].send(24, {"protocol_version": _PROTOCOL_VERSION, "epoch": 1})
            await remaining[0].send(21, {"protocol_version": _PROTOCOL_VERSION, "transition_id": 0})
        elif not remaining:
            self.group.reset()
        else:
            await self._revoke(self.group.withdraw_adds(user_id))
            await self._remove({user_id} & self.group.members)

    async def downgrade(self) -> None:
        """Announce version 0, executed when everyone is ready."""
        self.version = 0
        self.group.reset()
        connected = [s for s in self._call.sessions.values() if s.connected]
        transition = self._begin_transition({s.user_id for s in connected})
        for session in connected:
            await session.send(21, {"protocol_version": 0, "transition_id": transition})

    async def upgrade(self) -> None:
        """Announce a new group; its first commit brings everyone to version 1."""
        self.version = _PROTOCOL_VERSION
        for session in [s for s in self._call.sessions.values() if s.connected]:
            await session.send(24, {"protocol_version": _PROTOCOL_VERSION, "epoch": 1})

    async def received(self, session: VoiceSession, op: int, data: bytes) -> None:
        """A binary message from a client."""
        match op:
            case 26:
                await self._key_package(session, data)
            case 28:
                await self._commit(session, data)
            case _:
                raise BadMls(f"clients do not send binary opcode {op}")

    async def ready(self, user_id: int, transition: int) -> None:
        """Op 23: a user can follow a transition. The last one executes it."""
        waiting = self._waiting.get(transition)
        if waiting is None:
            return
        waiting.discard(user_id)
        if not waiting:
            await self._execute(transition)

    async def invalid(self, user_id: int) -> None:
        """Op 31: a user could not follow. It is removed, and comes back with a new key package."""
        self.counts.reported_invalid += 1
        await self._remove({user_id} & self.group.members)

    async def _key_package(self, session: VoiceSession, data: bytes) -> None:
        package = parse_key_package(data)
        user_id = session.user_id
        if package.user_id != user_id:
            raise BadMls("a key package for someone else")
        if self.group.established:
            await self._revoke(self.group.withdraw_adds(user_id))
            await self._remove({user_id} & self.group.members)
            await self._append([self.group.propose_add(package)], self.group.members - {user_id})
            return
        # Nobody holds the group yet: everyone learns of everyone else, and the first fitting commit founds it.
        self.group.withdraw_adds(user_id)
        earlier = list(self.group.inflight)
        added = self.group.propose_add(package)
        if earlier:
            await self._append(earlier, {user_id})
            await self._append([added], {proposal.user_id for proposal in earlier})

    async def _commit(self, session: VoiceSession, data: bytes) -> None:
        commit = parse_commit(data)
        try:
            stay, welcomed = self.group.accept(session.user_id, commit)
        except BadMls as reason:
            _log.debug("commit of %s not used: %s", session.user_id, reason)
            self.counts.losing_commits += 1
            return
        self.counts.epochs += 1
        transition = self._begin_transition((stay | welcomed) & self._call.sessions.keys())
        prefix = struct.pack(">H", transition)
        await self._call.tell(stay, 29, prefix + commit.message)
        await self._call.tell(welcomed, 30, prefix + commit.welcome)
        await self._remove(self.group.members - self._call.sessions.keys())

    def _begin_transition(self, waits_for: set[int]) -> int:
        self._transition = transition = self._transition % 0xFFFF + 1
        self._waiting[transition] = waits_for
        self._tasks.later(_TRANSITION_TIMEOUT_S, lambda: self._execute(transition), "transition timeout")
        return transition

    async def _execute(self, transition: int) -> None:
        if self._waiting.pop(transition, None) is None:
            return
        self.counts.executed += 1
        for session in list(self._call.sessions.values()):
            await session.send(22, {"transition_id": transition})

    async def _remove(self, users: set[int]) -> None:
        gone = [user_id for user_id in users if not self.group.removal_proposed(user_id)]
        proposals = [self.group.propose_remove(user_id) for user_id in gone]
        await self._append(proposals, self.group.members - users)

    async def _append(self, proposals: list[Proposal], to: set[int]) -> None:
        if proposals:
            await self._call.tell(to, 27, _APPEND + vector(b"".join(p.message for p in proposals)))

    async def _revoke(self, proposals: list[Proposal]) -> None:
        if proposals:
            to = self.group.members or {p.user_id for p in self.group.inflight}
            await self._call.tell(to, 27, _REVOKE + vector(b"".join(vector(p.ref) for p in proposals)))
