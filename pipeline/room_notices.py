"""What a voice room says about itself in the channel's chat, lest somebody talk to a bot that cannot hear or answer."""

from collections.abc import Callable

import discord
from loguru import logger

from transports.discord import Crowded, Mending, Remedy, Silenced, VoiceEvent


def notice_of(event: VoiceEvent, *, speaker_limit: int, name_of: Callable[[int], str]) -> str | None:
    """What people should know about `event`; None for what is no business of theirs."""
    match event:
        case Silenced(deafened=True):
            return "I have been deafened here: I hear nobody until a moderator lets me."
        case Silenced(muted=True) | Silenced(suppressed=True):
            return "I have been muted here: I hear you, but cannot answer until a moderator unmutes me."
        case Crowded(user_id):
            return (
                f"I hear {speaker_limit} people at once and no more: just now I do not hear {name_of(user_id)}. "
                "`/vc status` shows whom I hear."
            )
        case Mending(remedy=Remedy.GIVE_UP):
            return "My voice connection broke and could not be mended, so I am leaving. `/join` invites me back."
        case _:
            return None


async def step_on_stage(channel: discord.StageChannel) -> str | None:
    """On a stage everybody begins in the audience: go up, or raise a hand. Returns what people should know."""
    me = channel.guild.me
    try:
        if channel.permissions_for(me).mute_members:
            await me.edit(suppress=False)
            return None
        await me.request_to_speak()
    except discord.HTTPException as error:
        logger.warning("could not ask to speak on the stage: {}", error)
        return "I am in the audience and may not ask to speak: I hear you, but cannot answer."
    return "I am in the audience and have raised my hand: I can answer once a moderator invites me to speak."
