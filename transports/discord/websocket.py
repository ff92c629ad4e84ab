"""discord.py's voice gateway socket, with four faults of 2.7.1 mended.

- A malformed MLS message raised out of the poller: it died while the client still said "connected", and the bot went
  deaf at the next re-key. Here it is counted, and the encryption group is asked to take us in again.
- An answer that could not be sent, because the server was just closing the connection, ended the poller likewise,
  before it had read why. Here it reads on.
- Address discovery sent one datagram, before listening, and waited for ever. Here it listens first and repeats.
- Closing waited up to 30 s for a server that does not answer. Here it is bounded.
"""

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING, Any

import aiohttp
from discord.gateway import DiscordVoiceWebSocket
from loguru import logger

if TYPE_CHECKING:
    from transports.discord.connection import VoiceConnection

_DISCOVERY_TRIES_S = (0.25, 0.5, 1.0, 2.0, 2.0)
_DISCOVERY_BYTES = 74
_CLOSE_S = 1.0
_RESUMED = 9


def parse_discovery(datagram: bytes) -> tuple[str, int] | None:
    """Our public address in an answer to IP discovery, or None if `datagram` is something else."""
    if len(datagram) != _DISCOVERY_BYTES or datagram[:2] != b"\x00\x02":
        return None
    address = datagram[8:72].split(b"\0", 1)[0]
    if not address or not address.isascii():
        return None
    return address.decode("ascii"), int.from_bytes(datagram[72:])


class VoiceWebSocket(DiscordVoiceWebSocket):
    """The voice gateway connection of one session."""

    if TYPE_CHECKING:
        _connection: VoiceConnection  # pyright: ignore[reportIncompatibleVariableOverride]

    resumed = False
    """Whether the server accepted a RESUME on this socket."""

    async def poll_event(self) -> None:
        """Handle one message. A malformed one is counted and skipped.

        Raises:
            ConnectionClosed: The server closed the connection.
            TimeoutError: The server has been silent for 30 s.
        """
        try:
            await super().poll_event()
        except (ConnectionResetError, aiohttp.ClientError) as error:
            logger.debug(f"voice gateway not answered: {error!r}")
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
            self._connection.malformed(f"{type(error).__name__}: {error}")
        # discord.py waits with `wait_for`, which up to Python 3.11 returns what comes together with a cancellation
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError

    async def received_message(self, msg: dict[str, Any]) -> None:
        """Handle a JSON message."""
        if msg.get("op") == _RESUMED:
            self.resumed = True
        await super().received_message(msg)

    async def received_binary_message(self, msg: bytes) -> None:
        """Handle an MLS message; one that davey cannot use costs a re-join of the encryption group, not the call."""
        try:
            await super().received_binary_message(msg)
        except (ValueError, RuntimeError, IndexError, struct.error) as error:
            self._connection.malformed(f"binary message: {error}")
            if len(msg) > 2 and msg[2] == self.MLS_PROPOSALS:
                await self._connection.recover_dave()

    async def discover_ip(self) -> tuple[str, int]:
        """Learn our public address and open the way back through any router.

        Raises:
            TimeoutError: No answer to five requests.
        """
        connection = self._connection
        request = struct.pack(">HHI", 1, 70, connection.ssrc).ljust(_DISCOVERY_BYTES, b"\0")
        answer: asyncio.Future[tuple[str, int]] = self.loop.create_future()

        def settle(address: tuple[str, int]) -> None:
            if not answer.done():
                answer.set_result(address)

        def listen(datagram: bytes) -> None:
            if (address := parse_discovery(datagram)) is not None:
                self.loop.call_soon_threadsafe(settle, address)

        wire = connection.socket
        connection.add_socket_listener(listen)
        try:
            for patience_s in _DISCOVERY_TRIES_S:
                await self.loop.sock_sendall(wire, request)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience_s):
                        return await asyncio.shield(answer)
                logger.warning("no answer to voice address discovery, asking again")
        finally:
            connection.remove_socket_listener(listen)
            answer.cancel()
        raise TimeoutError("the voice server did not answer address discovery; is outgoing UDP blocked?")

    async def close(self, code: int = 1000) -> None:
        """Close the connection, without waiting long for the server to agree."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await super().close(code)
