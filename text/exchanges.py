"""Who is in the middle of an exchange with a character, and which post is whose: what replies and follow-ups mean."""

from collections import OrderedDict
from dataclasses import dataclass, replace

_MOST_CHANNELS = 1000
_MOST_POSTS = 5000


@dataclass(frozen=True, slots=True)
class Exchange:
    """The last answer in a channel."""

    partner: int
    """Whom it was given to."""
    at_s: float
    words: str = ""
    """What it was."""
    undisturbed: bool = True
    """Nobody else has written since."""


class Exchanges:
    """The exchanges of all channels, as far back as it matters."""

    def __init__(self) -> None:
        self._last: OrderedDict[int, Exchange] = OrderedDict()
        self._posts: OrderedDict[int, str] = OrderedDict()
        """Message id to the character whose words it holds."""

    def written(self, channel_id: int, user_id: int) -> None:
        """Somebody wrote."""
        last = self._last.get(channel_id)
        if last and last.partner != user_id and last.undisturbed:
            self._last[channel_id] = replace(last, undisturbed=False)

    def answered(self, channel_id: int, user_id: int, words: str, now_s: float) -> None:
        """A character answered somebody."""
        self._last[channel_id] = Exchange(user_id, now_s, words)
        self._last.move_to_end(channel_id)
        if len(self._last) > _MOST_CHANNELS:
            self._last.popitem(last=False)

    def posted(self, message_id: int, character: str) -> None:
        """A message holds a character's words."""
        self._posts[message_id] = character
        if len(self._posts) > _MOST_POSTS:
            self._posts.popitem(last=False)

    def author(self, message_id: int) -> str | None:
        """Whose words a message holds, if it is known."""
        return self._posts.get(message_id)

    def goes_on(self, channel_id: int, user_id: int, now_s: float, within_s: float) -> bool:
        """Whether what this person writes goes on with an exchange."""
        last = self._last.get(channel_id)
        return bool(last and last.partner == user_id and last.undisturbed and now_s - last.at_s < within_s)

    def last_words(self, channel_id: int) -> str:
        """The last answer in a channel."""
        last = self._last.get(channel_id)
        return last.words if last else ""

    def active(self, channel_id: int, now_s: float, within_s: float) -> bool:
        """Whether a character answered in a channel lately."""
        last = self._last.get(channel_id)
        return last is not None and now_s - last.at_s < within_s

    def end(self, channel_id: int) -> None:
        """An exchange is over."""
        self._last.pop(channel_id, None)
