"""How long what is remembered is kept, and by default of whom."""

from pydantic import Field

from processors.setting_names import SettingsGroup


class PrivacySettings(SettingsGroup):
    """How long what is remembered is kept, and by default of whom."""

    servers: bool = True
    """Remember what is said in servers that have not chosen with /memory. Off: only in those that have turned it on."""
    forget_left_servers: bool = True
    """When the bot is removed from a server, delete everything remembered of it."""
    message_days: float = Field(default=365, ge=0)
    """How long messages are kept; 0 for ever."""
    summary_days: float = Field(default=730, ge=0)
    """How long summaries are kept; 0 for ever."""
    fact_days: float = Field(default=0, ge=0)
    """How long facts about people are kept; 0 for ever, which means until they are replaced or forgotten."""
    archive: bool = False
    """Before old messages are deleted, add them to a compressed file a month in the data folder's `archive`."""
