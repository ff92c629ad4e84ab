"""One voice room's share of the cast: who speaks there, what it brings to an answer, and what it learns from a turn."""

import time
from collections import deque
from collections.abc import Callable

from personas.behaviour import Said
from personas.frameworks import compile_character
from personas.lorebooks import LoreMessage
from personas.profile import CharacterProfile
from processors.events import TurnRecord
from processors.floor import Heard
from processors.language.context import Notes
from processors.language.conversation import MayStay, everybody_may
from processors.memory.ahead import Ahead
from text.cast import Cast, Cue, LoreLikeness

_REMEMBERED = 20
"""Messages that lore is looked for in."""


class RoomMind:
    """The character that was chosen for a voice channel, or for its server."""

    def __init__(
        self,
        cast: Cast,
        guild_id: str,
        channel_id: str,
        name_of: Callable[[str], str] = str,
        clock: Callable[[], float] = time.time,
        *,
        likeness: LoreLikeness | None = None,
        may_stay: MayStay = everybody_may,
    ) -> None:
        """
        Args:
            name_of: gives the name of a speaker's id.
            clock: gives Unix time.
            likeness: finds lore by its meaning; None to find it by its keys alone.
            may_stay: whether what a speaker (id) says may be known beyond its turn.
        """
        self._cast = cast
        self._where = (guild_id, channel_id)
        self._name_of = name_of
        self._clock = clock
        self._likeness = likeness
        self._may_stay = may_stay
        self._alike: Ahead[tuple[str, ...]] = Ahead(self._find_alike, ())
        self._near: tuple[tuple[Heard, ...], tuple[str, ...]] = ((), ())
        """What was said, and the ids of the lore that is near to it in meaning."""
        self._lately: deque[LoreMessage] = deque(maxlen=_REMEMBERED)
        self._id = cast.lead(guild_id, channel_id).id
        self.opening: Cue = self._cue((Heard("", ""),))
        """What stays the same as long as the same character has the room."""

    @property
    def character(self) -> CharacterProfile:
        """Who has the room."""
        return self.opening.character

    def enter(self, channel_id: str) -> bool:
        """The room is in this channel now, and whoever was chosen for it has it. Whether that is another character."""
        self._where = (self._where[0], channel_id)
        before, self._id = self._id, self._cast.lead(*self._where).id
        if self._id == before:
            return False
        self._alike.stop()
        self._near = ((), ())
        self.opening = self._cue((Heard("", ""),))
        return True

    def reread(self) -> bool:
        """The cards were read anew. Whether that makes a difference to who has the room."""
        before, self.opening = self.opening, self._cue((Heard("", ""),))
        # Its mood may have changed as well, and is no part of what lasts.
        return _lasting(self.opening) != _lasting(before)

    def player(self, character_id: str) -> CharacterProfile | None:
        """A character of the cast, whether it has the room or not."""
        profile = self._cast.roster.get(character_id)
        return compile_character(profile) if profile else None

    async def prepare(self, heard: tuple[Heard, ...]) -> None:
        """Find the lore that is near in meaning to `heard`, by the deadline of memory's recall. Asked for when the
        first words are known, it is found while the rest is spoken."""
        if self._likeness:
            self._near = (heard, await self._alike.get(heard))

    def notes(self, heard: tuple[Heard, ...]) -> Notes:
        """What the character brings to its answer to `heard`. Called for every guess at the words, so it is quick."""
        near = self._near[1] if self._near[0] == heard else ()
        cue = self._cue(heard, near)
        # Texts that should stand some messages back stand here, too: among the messages they would move with every
        # turn, and the engine would have to read all that follows them anew (8 ms a token).
        lore = (*cue.lore, *(note.text for note in cue.notes))
        return Notes(lore=lore, state=cue.state, reminder=cue.reminder)

    def note_turn(self, record: TurnRecord) -> None:
        """A turn is over: it was heard, and perhaps answered."""
        now_s = self._clock()
        for heard in record.heard:
            said = Said(self._where[1], heard.speaker, heard.text, now_s, addressed=record.answered)
            self._cast.observe(self._where[0], said)
            if self._may_stay(heard.speaker):
                self._lately.append(LoreMessage(self._name_of(heard.speaker), heard.text))
        if record.answered and record.heard:
            partner = record.heard[-1]
            self._cast.answered(*self._where, self._id, partner.speaker, partner.text, now_s)
            if all(self._may_stay(heard.speaker) for heard in record.heard):
                self._lately.append(LoreMessage(self.character.name, record.spoken, by_character=True))

    def forget(self) -> None:
        """Drop what was said lately, of anybody: answers quote."""
        self._alike.stop()
        self._lately.clear()
        self._near = ((), ())

    async def close(self) -> None:
        """Stop looking for lore."""
        await self._alike.close()

    async def _find_alike(self, heard: tuple[Heard, ...]) -> tuple[str, ...]:
        said = " ".join(one.text for one in heard)
        return await self._likeness.find(self._cast.books_of(self._id), said) if self._likeness else ()

    def _cue(self, heard: tuple[Heard, ...], near: tuple[str, ...] = ()) -> Cue:
        said = [LoreMessage(self._name_of(one.speaker), one.text) for one in heard]
        speaker = heard[-1].speaker
        return self._cast.cue(
            *self._where,
            self._id,
            user_id=speaker,
            user_name=self._name_of(speaker),
            messages=[*self._lately, *said],
            now_s=self._clock(),
            alike=near,
        )


def _lasting(cue: Cue) -> tuple[object, ...]:
    return cue.character, cue.system, cue.examples
