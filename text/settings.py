"""Settings of the Discord bot."""

from typing import Annotated

from pydantic import Field, SecretStr

from processors.errors import SettingError
from processors.setting_names import Env, SettingsGroup


class DiscordSettings(SettingsGroup):
    """The bot's account, and how it behaves in voice channels."""

    token: Annotated[SecretStr | None, Env("DISCORD_TOKEN")] = None
    """The bot's token, from the Discord developer portal. Better kept in the environment than in the file."""
    api_base: Annotated[str, Env("DISCORD_API_BASE")] = "https://discord.com/api/v10"
    """Base of Discord's REST API; another one for a proxy."""
    gateway_url: str = "wss://gateway.discord.gg/"
    """Discord's gateway; another one for a proxy."""
    auto_join_channels: tuple[int, ...] = ()
    """Ids of voice channels the bot joins by itself when somebody enters."""
    auto_leave_s: float = Field(default=30.0, ge=0, le=3600)
    """How long (s) the bot stays in a voice channel after the last person has left."""
    notice: str = (
        "I am listening in this channel: speech is transcribed so that I can answer, and no audio is stored. "
        "`/stop_listening` keeps your voice out of it."
    )
    """Posted to the channel's chat when the bot joins; empty for none."""
    notice_voice: bool = False
    """Say the notice aloud as well."""

    def login_token(self) -> str:
        """The token to log in with.

        Raises:
            SettingError: there is none.
        """
        token = self.token.get_secret_value().strip() if self.token else ""
        if not token:
            raise SettingError(
                "DISCORD_TOKEN is not set. Create a bot on https://discord.com/developers/applications, copy its "
                "token, and run: DISCORD_TOKEN=... acore run. Without an account, `acore demo` and `acore replay` work."
            )
        return token
