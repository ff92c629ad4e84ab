"""The commands about what is remembered, together."""

import time

from discord.ext import commands

from personas.relationships import Bond
from processors.memory.port import Scene
from processors.memory.remembrance import Remembrance
from text.cast import Cast
from text.commands.chat_history import ChatHistoryCommands
from text.commands.forgetting import ForgettingCommands
from text.commands.memory import MemoryCommands
from text.commands.profiles import ProfileCommands
from text.commands.summaries import SummaryCommands


def memory_cogs(memory: Remembrance, cast: Cast) -> tuple[commands.Cog, ...]:
    """The cogs of a bot that remembers."""

    def lead(scene: Scene) -> str:
        return cast.lead(scene.guild_id, scene.id).id

    def bond_of(scene: Scene, person: str) -> Bond:
        return cast.bond(scene.guild_id, lead(scene), person, time.time())

    return (
        ProfileCommands(memory, bond_of),
        SummaryCommands(memory, lead),
        MemoryCommands(memory),
        ForgettingCommands(memory.eraser, remembers=True),
        ChatHistoryCommands(memory, lead),
    )
