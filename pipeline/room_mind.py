"""One voice room's share of the cast: who speaks there, what it brings to an answer, and what it learns from a turn."""

import time
from collections import deque
from collections.abc import Callable

from personas.behaviour import Said
from personas.lorebooks import LoreMessage
from processors.events import TurnRecord
from processors.floor import Heard
from processors.language.context import Notes
from text.cast import Cast, Cue

_REMEMBERED = 20
"""Messages that lore is looked for in."""


class RoomMind:
    """The character that was chosen for a voice channel when the room was opened."""

    def __init__(
        self,
        cast: Cast,
        guild_id: str,
        channel_id: str,
        name_of: Callable[[str], str] = str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`name_of` gives the name of a speaker's id, `clock` Unix time."""
        self._cast = cast
        self._where = (guild_id, channel_id)
        self._name_of = name_of
        self._clock = clock
        self._lately: deque[LoreMessage] = deque(maxlen=_REMEMBERED)
        self._id = cast.lead(guild_id, channel_id).id
        self.opening: Cue = self._cue((Heard("", ""),))
        """What stays the same as long as the room is open."""

    def notes(self, heard: tuple[Heard, ...]) -> Notes:
        """What the character brings to its answer to `heard`. Called for every guess at the words, so it is quick."""
        cue = self._cue(heard)
        # Whoever listens gains nothing from a text that stands some messages back.
        lore = (*cue.lore, *(note.text for note in cue.notes))
        return Notes(lore=lore, state=cue.state, reminder=cue.reminder)

    def note_turn(self, record: TurnRecord) -> None:
        """A turn is over: it was heard, and perhaps answered."""
        now_s = self._clock()
        for heard in record.heard:
            said = Said(self._where[1], heard.speaker, heard.text, now_s, addressed=record.answered)
            self._cast.observe(self._where[0], said)
            self._lately.append(LoreMessage(self._name_of(heard.speaker), heard.text))
        if record.answered and record.heard:
            partner = record.heard[-1]
            self._cast.answered(*self._where, self._id, partner.speaker, partner.text, now_s)
            self._lately.append(LoreMessage(self.opening.character.name, record.spoken, by_character=True))

    def _cue(self, heard: tuple[Heard, ...]) -> Cue:
        said = [LoreMessage(self._name_of(one.speaker), one.text) for one in heard]
        speaker = heard[-1].speaker
        return self._cast.cue(
            *self._where,
            self._id,
            user_id=speaker,
            user_name=self._name_of(speaker),
            messages=[*self._lately, *said],
            now_s=self._clock(),
        )
