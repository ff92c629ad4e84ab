"""What was said in voice lately, for characters that are asked about it in text: one mind in both."""

from collections import OrderedDict, deque

from processors.events import VoiceTurn
from processors.memory import Utterance

_MOST_GUILDS = 500
_MOST_KEPT = 40
"""Utterances of one server."""
_MOST_TOLD = 12
_LONGEST = 300
"""Characters of one of them."""


class Overheard:
    """The last minutes of every server's voice channel."""

    def __init__(self, minutes: float) -> None:
        self._reach_s = minutes * 60
        self._said: OrderedDict[str, deque[Utterance]] = OrderedDict()

    def note(self, turn: VoiceTurn) -> None:
        """A turn of a voice conversation is over."""
        said = self._said.setdefault(turn.guild_id, deque(maxlen=_MOST_KEPT))
        self._said.move_to_end(turn.guild_id)
        said.extend(turn.heard)
        if turn.reply:
            said.append(turn.reply)
        while len(self._said) > _MOST_GUILDS:
            self._said.popitem(last=False)

    def forget(self, speaker_id: str) -> int:
        """Drop the servers' talks this person had a part in, answers and all; how many utterances of theirs."""
        count = 0
        for guild_id, said in list(self._said.items()):
            if theirs := sum(one.speaker_id == speaker_id for one in said):
                count += theirs
                del self._said[guild_id]
        return count

    def lines(self, guild_id: str, me: str, now_s: float) -> tuple[str, ...]:
        """What character `me` knows of it, oldest first."""
        if not guild_id:
            # A direct message is nobody's server.
            return ()
        lately = [one for one in self._said.get(guild_id, ()) if now_s - one.at_s <= self._reach_s]
        return tuple(_line(one, me, now_s) for one in lately[-_MOST_TOLD:])


def _line(said: Utterance, me: str, now_s: float) -> str:
    minutes = round((now_s - said.at_s) / 60)
    when = f"{minutes} min ago" if minutes else "just now"
    who = "you" if said.speaker_id == me else said.name
    return f"In the voice channel, {when}, {who} said: {said.text[:_LONGEST]}"
