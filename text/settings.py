"""Settings of the Discord bot and of text chat."""

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
    voice: bool = True
    """Serve voice channels. Off: text only, and no engine that hears or speaks is loaded."""
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


class TextSettings(SettingsGroup):
    """When and how characters answer in text."""

    enabled: bool = True
    """Answer what people write. Off: slash commands and voice only."""
    message_content: bool = True
    """Ask Discord for the text of all messages (the privileged Message Content Intent, to be allowed in the developer
    portal). Off or not allowed: only mentions, replies that mention the bot and direct messages can be read."""
    direct_messages: bool = True
    """Answer direct messages."""
    channels: tuple[int, ...] = ()
    """Ids of the only channels in which characters answer; empty for all."""
    ignored_channels: tuple[int, ...] = ()
    """Ids of channels in which they never do."""
    ignored_users: tuple[int, ...] = ()
    """Ids of people who are never answered."""
    command_prefixes: tuple[str, ...] = ("!", "?", ".", "$", "/", "%", "&", ";")
    """What begins a command for another bot, if a letter follows: such a message is not answered."""
    threads: bool = True
    """Answer everything in a thread that the bot began or in which a character spoke lately."""
    follow_up_s: float = Field(default=300.0, ge=0, le=86400)
    """How long (s) whoever was answered may go on without naming anybody, while nobody else writes; 0 for not at
    all."""
    picture_questions: bool = True
    """Answer a question that comes with a picture, whoever it is put to. Only with a model that sees."""
    max_picture_mb: float = Field(default=8.0, gt=0, le=50)
    """Largest picture (MB) that is looked at."""
    max_pictures: int = Field(default=3, ge=0, le=10)
    """Most pictures of one message that are looked at; 0 for none."""
    at_once: int = Field(default=4, ge=1, le=64)
    """Most answers that are written at the same time; an embedded model writes one after the other anyhow."""
    waiting: int = Field(default=50, ge=1, le=1000)
    """Most messages that wait for an answer in one channel; who writes more is told so."""
    timeout_s: float = Field(default=120.0, gt=0, le=3600)
    """How long (s) the next token of an answer may take: text waits while voice is served."""
    history_messages: int = Field(default=50, ge=2, le=500)
    """Most messages of a channel that the model is shown."""
    voice_minutes: float = Field(default=10.0, ge=0, le=120)
    """How far back (minutes) a character remembers in text what was said in the server's voice channel; 0 for not."""
    edit_every_s: float = Field(default=1.2, ge=0.2, le=30)
    """Time (s) between two edits of an answer that is being written. Discord allows five in five seconds."""
    auto_read: bool = False
    """Say every text answer aloud as well, in a server where the bot is in a voice channel."""
    webhooks: bool = True
    """Answer through a webhook, under the character's own name and picture. Off: under the bot's name."""
