"""What the voice gateway may send: nothing of it ends the poller. Protocol peers are in `test_trouble`."""

import asyncio
import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

import aiohttp
import davey
import pytest
from discord.errors import ConnectionClosed
from hypothesis import given, settings
from hypothesis import strategies as st

from transports.discord.websocket import VoiceWebSocket, parse_discovery

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))
NAMES = st.sampled_from(["transition_id", "protocol_version", "epoch", "mode", "secret_key", "dave_protocol_version"])
DATA = VALUES | st.dictionaries(NAMES, SCALARS | st.integers(-1, 3))
OPS = st.sampled_from([3, 4, 5, 6, 9, 11, 12, 13, 18, 20, 21, 22, 24, 99]) | st.integers(min_value=32)
"""All but 2 and 8: those open a socket and start a thread before anything can be malformed."""


class Wire:
    """The websocket under the gateway: gives what the server sent, and takes what is answered."""

    def __init__(self, *messages: tuple[aiohttp.WSMsgType, Any]) -> None:
        self.messages = list(messages)
        self.close_code: int | None = None

    async def receive(self) -> aiohttp.WSMessage:
        kind, data = self.messages.pop(0) if self.messages else (aiohttp.WSMsgType.CLOSED, None)
        return aiohttp.WSMessage(kind, data, None)

    async def send_str(self, _: str) -> None: ...

    async def send_bytes(self, _: bytes) -> None: ...


class Connection(SimpleNamespace):
    """As much of a `VoiceConnection` as the messages touch."""

    def __init__(self) -> None:
        self.dave_session = davey.DaveSession(1, 1, 2)
        super().__init__(
            dave_protocol_version=1, dave_downgraded=False, dave_pending_transitions={}, ssrc=7, mode="", secret_key=[]
        )
        self.counts = Counter[str]()

    def malformed(self, _: str) -> None:
        self.counts["malformed"] += 1

    async def recover_dave(self) -> None:
        self.counts["recovered"] += 1

    async def _recover_from_invalid_commit(self, _: int) -> None:
        self.counts["recovered"] += 1

    async def _execute_transition(self, transition: int) -> None:
        self.dave_pending_transitions.pop(transition, None)

    async def reinit_dave_session(self) -> None:
        if self.dave_protocol_version > 0:
            self.dave_session.reinit(self.dave_protocol_version, 1, 2)


def polled(*messages: tuple[aiohttp.WSMsgType, Any]) -> Counter[str]:
    """Read all of it as the poller does; what was counted."""

    async def poll() -> Counter[str]:
        connection = Connection()
        websocket: Any = VoiceWebSocket(Wire(*messages), asyncio.get_running_loop())  # type: ignore[arg-type]
        websocket._connection = connection
        with pytest.raises(ConnectionClosed):
            while True:
                await websocket.poll_event()
        assert not websocket.ws.messages
        return connection.counts

    return asyncio.run(poll())


@settings(max_examples=150)
@given(st.lists(st.tuples(OPS, DATA), min_size=1, max_size=4))
def test_no_json_message_ends_the_poller(messages):
    polled(*((aiohttp.WSMsgType.TEXT, json.dumps({"op": op, "d": data, "seq": 1})) for op, data in messages))


@settings(max_examples=100)
@given(st.lists(st.text(max_size=40) | VALUES.map(json.dumps), min_size=1, max_size=4))
def test_no_text_ends_the_poller(texts):
    polled(*((aiohttp.WSMsgType.TEXT, text) for text in texts))


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 255) | st.integers(25, 31), st.binary(max_size=300)), min_size=1, max_size=4))
def test_no_binary_message_ends_the_poller(messages):
    polled(*((aiohttp.WSMsgType.BINARY, b"\0\1" + bytes([op]) + data) for op, data in messages))


@given(st.binary(max_size=3))
def test_no_stump_of_a_binary_message_ends_the_poller(data):
    polled((aiohttp.WSMsgType.BINARY, data))


def test_proposals_that_cannot_be_used_have_the_group_take_the_bot_in_again():
    assert polled((aiohttp.WSMsgType.BINARY, b"\0\1\x1b\0garbage")) == {"malformed": 1, "recovered": 1}


@given(st.binary(max_size=80) | st.binary(min_size=72, max_size=72).map(lambda rest: b"\0\2" + rest))
def test_any_answer_to_address_discovery_is_an_address_or_nothing(datagram):
    found = parse_discovery(datagram)
    if found is not None:
        address, port = found
        assert address
        assert 0 <= port <= 0xFFFF


def test_an_answer_to_address_discovery_is_read():
    answer = b"\0\2\0\x46\0\0\0\7" + b"192.0.2.1".ljust(64, b"\0") + (50_004).to_bytes(2)
    assert parse_discovery(answer) == ("192.0.2.1", 50_004)
