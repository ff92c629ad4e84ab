"""Who is in the middle of an exchange with a character, and which post is whose: what replies and follow-ups mean.

Both survive a restart. What was answered is kept only while the process runs: on disk, words are memory's to keep. So
is who was answered, if they do not want to be remembered.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

from text.cast.consent import MayRemember, anybody
from text.cast.keeper import Keeper
from text.cast.state import NO_ANSWER, LastAnswer

_MOST_CHANNELS = 1000


@dataclass(frozen=True, slots=True)
class LastWords:
    """What was answered last in a channel."""

    character: str
    """Id of whose words they are."""
    text: str


class Exchanges:
    """The exchanges of all channels, as far back as it matters. Ids are texts, direct messages have the server ""."""

    def __init__(self, keeper: Keeper, may_remember: MayRemember = anybody) -> None:
        self._keeper = keeper
        self._may_remember = may_remember
        self._unkept: OrderedDict[tuple[str, str], LastAnswer] = OrderedDict()
        """By server and channel, in place of what is kept."""
        self._words: OrderedDict[str, LastWords] = OrderedDict()
        """By channel."""

    def written(self, guild_id: str, channel_id: str, user_id: str) -> None:
        """Somebody wrote."""
        last = self._last(guild_id, channel_id)
        if last.partner and last.partner != user_id and last.undisturbed:
            self._put(guild_id, channel_id, replace(last, undisturbed=False))

    def answered(self, guild_id: str, channel_id: str, user_id: str, words: LastWords, now_s: float) -> None:
        """A character answered somebody."""
        self._put(guild_id, channel_id, LastAnswer(user_id, now_s))
        self._keeper.change(guild_id, channel_id, touched_s=now_s)
        self._words[channel_id] = words
        self._words.move_to_end(channel_id)
        if len(self._words) > _MOST_CHANNELS:
            self._words.popitem(last=False)

    def posted(self, guild_id: str, message_id: str, character: str) -> None:
        """A message holds a character's words."""
        self._keeper.put(guild_id, self._keeper.get(guild_id).with_post(message_id, character))

    def author(self, guild_id: str, message_id: str) -> str | None:
        """Whose words a message holds, if it is known."""
        return self._keeper.get(guild_id).posts.get(message_id)

    def goes_on(self, guild_id: str, channel_id: str, user_id: str, now_s: float, within_s: float) -> bool:
        """Whether what this person writes goes on with an exchange."""
        last = self._last(guild_id, channel_id)
        return last.partner == user_id and last.undisturbed and now_s - last.at_s < within_s

    def last_words(self, channel_id: str) -> LastWords | None:
        """The last answer in a channel, if it was given since the process began."""
        return self._words.get(channel_id)

    def active(self, guild_id: str, channel_id: str, now_s: float, within_s: float) -> bool:
        """Whether a character answered in a channel lately."""
        last = self._last(guild_id, channel_id)
        return bool(last.partner) and now_s - last.at_s < within_s

    def end(self, guild_id: str, channel_id: str) -> None:
        """An exchange is over."""
        self._words.pop(channel_id, None)
        if self._last(guild_id, channel_id).partner:
            self._put(guild_id, channel_id, NO_ANSWER)

    def of(self, party: str) -> list[dict[str, Any]]:
        """Where a person was answered last, as data."""
        kept = {
            (guild_id, id): channel.last
            for guild_id, state in self._keeper.all().items()
            for id, channel in state.channels.items()
        }
        return [
            {"server": guild_id, "channel": id, "at_s": last.at_s}
            for (guild_id, id), last in (kept | self._unkept).items()
            if last.partner == party
        ]

    def forget(self, party: str) -> None:
        """Forget every exchange with a person."""
        for place in self.of(party):
            self.end(place["server"], place["channel"])

    def _last(self, guild_id: str, channel_id: str) -> LastAnswer:
        return self._unkept.get((guild_id, channel_id)) or self._keeper.get(guild_id).channel(channel_id).last

    def _put(self, guild_id: str, channel_id: str, last: LastAnswer) -> None:
        kept = not last.partner or self._may_remember(last.partner, guild_id)
        self._unkept.pop((guild_id, channel_id), None)
        if not kept:
            self._unkept[guild_id, channel_id] = last
            if len(self._unkept) > _MOST_CHANNELS:
                self._unkept.popitem(last=False)
        self._keeper.change(guild_id, channel_id, last=last if kept else NO_ANSWER)
