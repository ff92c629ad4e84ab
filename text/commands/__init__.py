"""The bot's slash commands, one cog a file."""

from text.commands.privacy import PrivacyCommands
from text.commands.status import StatusCommands
from text.commands.voice import VoiceCommands
from text.commands.voices import VoicesCommands

COGS = (VoiceCommands, VoicesCommands, PrivacyCommands, StatusCommands)

__all__ = ["COGS", "PrivacyCommands", "StatusCommands", "VoiceCommands", "VoicesCommands"]
