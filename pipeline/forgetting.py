"""Everything outside the memory file that keeps something of people while the bot runs, or on disk."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from loguru import logger

from pipeline.log_erasing import blank_words, logged_words
from pipeline.privacy import OptOuts
from pipeline.text_side import TextSide
from processors.errors import AcoreError
from processors.memory.privacy.erasing import Eraser, Keeper
from processors.memory.remembrance import Remembrance
from text.cast import Cast


class Rooms(Protocol):
    """The conversations in voice that go on."""

    def forget(self, person: str) -> int:
        """Drop what a person said from all of them; how many exchanges that were."""
        ...


def eraser_of(
    memory: Remembrance | None, cast: Cast, rooms: Rooms, text: TextSide, opt_outs: OptOuts, logs: Path | None
) -> Eraser:
    """What forgets people, and tells what is kept of them: also of a bot that remembers no conversations, but knows how
    its characters stand to people. For the arguments see `keepers_of`."""
    eraser = memory.eraser if memory else Eraser([], _nothing_to_scrub)
    for keeper in keepers_of(memory, cast, rooms, text, opt_outs, logs):
        eraser.register(keeper)
    return eraser


async def _nothing_to_scrub() -> None:
    """Without memory each file is rewritten when something is deleted from it."""


def keepers_of(
    memory: Remembrance | None, cast: Cast, rooms: Rooms, text: TextSide, opt_outs: OptOuts, logs: Path | None
) -> tuple[Keeper, ...]:
    """What `/export_me` and `/forget_me` must ask besides memory. No audio is ever kept.

    Args:
        logs: the folder of log files, if they may hold what people say.
    """

    async def bonds(person: str) -> list[dict[str, Any]]:
        return cast.bonds_of(person)

    async def exchanges(person: str) -> list[dict[str, Any]]:
        return cast.exchanges.of(person)

    async def end_exchanges(person: str) -> int:
        # On disk it is done with the bonds, which stand in the same files.
        count = len(cast.exchanges.of(person))
        cast.exchanges.forget(person)
        return count

    async def opted_out(person: str) -> bool:
        return int(person) in opt_outs.ids

    async def keep(person: str) -> int:
        # A wish not to be heard must outlive everything else.
        return 0

    async def not_told(person: str) -> list[Any]:
        # The talk of the last minutes: what of it may be remembered is among the messages.
        return []

    async def forget_in_rooms(person: str) -> int:
        return rooms.forget(person)

    async def forget_overheard(person: str) -> int:
        return text.worker.forget(person)

    async def logged(person: str) -> list[str]:
        # A log knows names only, and without memory nobody's.
        return await asyncio.to_thread(logged_words, logs, await memory.name_of(person)) if logs and memory else []

    async def blank_logs(person: str) -> int:
        return await asyncio.to_thread(blank_words, logs) if logs else 0

    return (
        Keeper("log", logged, blank_logs),
        Keeper("last answers", exchanges, end_exchanges),
        Keeper("bonds", bonds, cast.forget_for_good),
        Keeper("not to be heard", opted_out, keep),
        Keeper("voice rooms", not_told, forget_in_rooms),
        Keeper("overheard in voice", not_told, forget_overheard),
    )


def left_servers(memory: Remembrance | None, cast: Cast, *, forget: bool) -> Callable[[str], Awaitable[None]]:
    """What is done when the bot is removed from a server, whose id it is given.

    Args:
        forget: whether what is kept of the server is deleted.
    """

    async def left(guild: str) -> None:
        if not forget:
            return
        try:
            # First: it stands in the file that memory then leaves no trace in.
            await cast.forget_guild(guild)
            if memory:
                await memory.forget_guild(guild)
        except (AcoreError, OSError) as error:
            logger.error("not all that was kept of a server that was left could be deleted: {}", error)
        else:
            logger.info("a server was left, and what was kept of it deleted")

    return left
