"""Whether a message is answered: a pure function of what is known about it."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from text.settings import TextSettings

_IGNORE = re.compile(r"(?<!\w)#ignore(?!\w)", re.IGNORECASE)
_ASKS_ABOUT_PICTURE = re.compile(
    r"\b(what|who|where|which|how many|describe|explain|read|translate|identify|caption|look|see)\b|\?", re.IGNORECASE
)


class Why(StrEnum):
    """Why a message is answered, or not."""

    DIRECT = "a direct message"
    MENTION = "mentions the bot"
    REPLY = "replies to a character"
    NAME = "names a character"
    THREAD = "in a thread of the bot"
    SESSION = "in a running session"
    PICTURE = "asks about a picture"
    FOLLOW_UP = "goes on with an exchange"

    BOT = "written by a bot"
    NOT_HERE = "in a channel that is left alone"
    IGNORED_USER = "written by somebody who is left alone"
    IGNORED = "says #ignore"
    COMMAND = "a command for another bot"
    EMPTY = "says nothing"
    OTHERS = "meant for others"


ANSWERED = frozenset(
    (
        Why.DIRECT,
        Why.MENTION,
        Why.REPLY,
        Why.NAME,
        Why.THREAD,
        Why.SESSION,
        Why.PICTURE,
        Why.FOLLOW_UP,
    )
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message, as far as it matters for whether it is answered."""

    text: str
    """Without the mention of the bot at its beginning."""
    channel_id: int
    parent_id: int = 0
    """Of a thread: the channel it hangs from."""
    user_id: int = 0
    by_bot: bool = False
    """By a bot, a webhook or Discord itself."""
    direct: bool = False
    mentions_bot: bool = False
    mentions_others: bool = False
    replies_to_character: bool = False
    replies_to_other: bool = False
    names_character: bool = False
    in_own_thread: bool = False
    """In a thread that the bot began, or in which a character has spoken lately."""
    in_session: bool = False
    """In a channel where everything is meant for the characters."""
    pictures: int = 0
    goes_on: bool = False
    """A character answered this person here lately, and nobody else has written since."""


def decide(message: Incoming, settings: TextSettings) -> Why:
    """Whether to answer (it is if the reason is one of `ANSWERED`), and why."""
    if refused := _refusal(message, settings):
        return refused
    called = _called(message)
    if not message.text.strip() and not message.pictures:
        # "@Acore" alone calls; an empty message is what Discord hides from bots without the intent.
        return called if called is Why.MENTION or called is Why.REPLY else Why.EMPTY
    if called:
        return called
    if message.mentions_others or message.replies_to_other:
        return Why.OTHERS
    if message.in_own_thread and settings.threads:
        return Why.THREAD
    if message.in_session:
        return Why.SESSION
    if message.goes_on:
        return Why.FOLLOW_UP
    if message.pictures and settings.picture_questions and asks_about_picture(message.text):
        return Why.PICTURE
    return Why.OTHERS


def _refusal(message: Incoming, settings: TextSettings) -> Why | None:
    if message.by_bot:
        return Why.BOT
    if message.user_id in settings.ignored_users:
        return Why.IGNORED_USER
    if not message.direct and not _serves(message, settings):
        return Why.NOT_HERE
    if message.direct and not settings.direct_messages:
        return Why.NOT_HERE
    if _IGNORE.search(message.text):
        return Why.IGNORED
    if not message.mentions_bot and is_command(message.text, settings.command_prefixes):
        return Why.COMMAND
    return None


def _serves(message: Incoming, settings: TextSettings) -> bool:
    where = {message.channel_id, message.parent_id}
    if where & set(settings.ignored_channels):
        return False
    return not settings.channels or bool(where & set(settings.channels))


def _called(message: Incoming) -> Why | None:
    if message.direct:
        return Why.DIRECT
    if message.mentions_bot:
        return Why.MENTION
    if message.replies_to_character:
        return Why.REPLY
    return Why.NAME if message.names_character else None


def is_command(text: str, prefixes: Collection[str]) -> bool:
    """Whether `text` is a command of some bot: a prefix with a word right behind it. "...well" is none."""
    return any(text.startswith(prefix) and text[len(prefix) : len(prefix) + 1].isalpha() for prefix in prefixes)


def asks_about_picture(text: str) -> bool:
    """Whether words that come with a picture ask what it shows; without words it speaks for itself."""
    return bool(_ASKS_ABOUT_PICTURE.search(text))
