"""The bot's slash commands, one cog a file."""

from discord.ext import commands

from processors.memory.knowledge import Knowledge
from text.cast import Cast, Shelf
from text.commands.ambient import AmbientCommands
from text.commands.characters import CharacterCommands
from text.commands.help import HelpCommands
from text.commands.imports import ImportCommands
from text.commands.knowledge import KnowledgeCommands
from text.commands.privacy import PrivacyCommands
from text.commands.relationship import RelationshipCommands
from text.commands.status import StatusCommands
from text.commands.talk import TalkCommands
from text.commands.voice import VoiceCommands
from text.commands.voices import VoicesCommands
from text.desk import TextDesk
from text.rooms import VoiceRooms


def make_cogs(
    rooms: VoiceRooms,
    cast: Cast,
    shelf: Shelf,
    desk: TextDesk,
    of_memory: tuple[commands.Cog, ...] = (),
    knowledge: Knowledge | None = None,
) -> tuple[commands.Cog, ...]:
    """All commands, in the order `/help` shows them. Without `knowledge` there are none about documents."""
    return (
        VoiceCommands(rooms, desk),
        VoicesCommands(rooms),
        PrivacyCommands(rooms),
        TalkCommands(cast, desk),
        CharacterCommands(cast, shelf, rooms),
        RelationshipCommands(cast),
        AmbientCommands(cast),
        ImportCommands(cast, shelf, rooms),
        *of_memory,
        *((KnowledgeCommands(knowledge),) if knowledge else ()),
        StatusCommands(rooms),
        HelpCommands(),
    )


__all__ = ["make_cogs"]
