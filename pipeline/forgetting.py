"""Everything outside the memory file that keeps something of people while the bot runs, or on disk."""

from typing import Any

from pipeline.privacy import OptOuts
from pipeline.rooms import DiscordRooms
from pipeline.text_side import TextSide
from processors.memory.privacy.erasing import Keeper
from text.cast import Cast


def keepers_of(cast: Cast, rooms: DiscordRooms, text: TextSide, opt_outs: OptOuts) -> tuple[Keeper, ...]:
    """What `/export_me` and `/forget_me` must ask besides memory. No audio is ever kept."""

    async def bonds(person: str) -> list[dict[str, Any]]:
        return cast.bonds_of(person)

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

    return (
        Keeper("bonds", bonds, cast.forget_for_good),
        Keeper("not to be heard", opted_out, keep),
        Keeper("voice rooms", not_told, forget_in_rooms),
        Keeper("overheard in voice", not_told, forget_overheard),
    )
