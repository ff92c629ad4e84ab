"""The characters of a bot and their state in each server.

Plain domain code that never waits; only keeping the state does, in a thread. Times are Unix times and come in with
each call, the dice at construction. Ids of servers, channels and people are texts; direct messages have the server "".
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loguru import logger

from personas.behaviour import Answered, BehaviourSettings, Event, Impulse, Kind, Said, answer_delay_s, observe
from personas.behaviour import prompt_lines as mood_lines
from personas.behaviour.mood import mood_of
from personas.behaviour.tone import tone_of
from personas.behaviour.topics import topics_of
from personas.frameworks import Framework, blend, compile_character, framework
from personas.lorebooks import Lorebook, LoreMessage, LoreScene
from personas.profile import CharacterProfile
from personas.relationships import (
    Bond,
    Stage,
    banter_chance,
    bond_line,
    exchanged,
    may_go_on,
    now,
    quarrelled,
    stage_of,
)
from personas.router import Route, RouterState, route
from text.cast.consent import MayRemember, anybody
from text.cast.cue import Cue, Moment, make_cue
from text.cast.exchanges import Exchanges
from text.cast.keeper import Keeper
from text.cast.leave import Leave
from text.cast.lore import find_lore, without_slow
from text.cast.roster import Roster
from text.cast.settings import CastSettings

_FEELING = 0.5
"""How plain a person's tone must be to count as a mood that calls for a framework."""
_INSULT = 0.75
"""How angry a message to a character must be to begin a quarrel: two angry words."""
_WARMTH = 1.0
"""What being spoken with is worth by itself, of the five points a message can bring."""
_LONGEST_SCANNED = 4000
"""Characters of a message that are searched for lore; Discord's longest."""
_LONGEST_NAME = 64
_CHARS_PER_TOKEN = 3.5


@dataclass(frozen=True, slots=True)
class Urge:
    """What one of the characters feels moved to do."""

    character: CharacterProfile
    impulse: Impulse


class Cast:
    """Who is where, how they feel, and what they bring to an answer."""

    def __init__(
        self,
        roster: Roster,
        settings: CastSettings,
        keeper: Keeper,
        *,
        user_name: str = "friend",
        rng: random.Random | None = None,
        may_remember: MayRemember = anybody,
    ) -> None:
        """
        Args:
            user_name: what the lasting part of a prompt calls whoever it is spoken with.
            may_remember: who lets themselves be remembered. No bond grows with anybody else, nor is one spoken of.
        """
        self._settings = settings
        self._keeper = keeper
        self.leave = Leave(keeper, settings.off, settings.ambient_channels)
        self.exchanges = Exchanges(keeper, may_remember)
        self._may_remember = may_remember
        self._user_name = user_name
        self._rng = rng or random.Random()
        self._seed = str(self._rng.random())
        self.reload(roster)

    # ------------------------------------------------------------------ who there is

    def reload(self, roster: Roster) -> None:
        """Go on with characters and lorebooks that were read anew; what they feel and remember stays."""
        self._roster = roster
        self._behaviour = {p.id: _behaviour(p, self._settings.behaviour) for p in roster.profiles}
        self._books: dict[str, tuple[Lorebook, ...]] = {p.id: roster.books_of(p) for p in roster.profiles}

    @property
    def roster(self) -> Roster:
        """Everybody who can be played."""
        return self._roster

    def books_of(self, character_id: str) -> tuple[Lorebook, ...]:
        """What a character knows; nothing for one that is not there."""
        return self._books.get(character_id, ())

    def lead(self, guild_id: str, channel_id: str) -> CharacterProfile:
        """Who answers in a channel when nobody else is called: who was chosen for it, or for its server."""
        return self._present(guild_id, channel_id)[0]

    def present(self, guild_id: str, channel_id: str) -> tuple[CharacterProfile, ...]:
        """Everybody who may answer in a channel: who shares it, then who comes when called."""
        return (*self._present(guild_id, channel_id), *self._within_call(guild_id, channel_id))

    def _present(self, guild_id: str, channel_id: str) -> tuple[CharacterProfile, ...]:
        state = self._keeper.get(guild_id)
        for id in (state.channel(channel_id).character, state.character):
            if chosen := self._roster.get(id):
                return (chosen,)
        found = (self._roster.find(name) for name in self._settings.present)
        return tuple({profile.id: profile for profile in found if profile}.values()) or (self._roster.default,)

    def _within_call(self, guild_id: str, channel_id: str) -> tuple[CharacterProfile, ...]:
        if not self._settings.come_when_called:
            return ()
        present = {profile.id for profile in self._present(guild_id, channel_id)}
        return tuple(profile for profile in self._roster.profiles if profile.id not in present)

    def choose(self, guild_id: str, channel_id: str | None, character_id: str) -> None:
        """Have one character answer in a channel, or with None in the whole server; "" for as before."""
        state = self._keeper.get(guild_id)
        if channel_id is None:
            # Whoever answered last gives way, everywhere.
            self._keeper.put(guild_id, replace(state, character=character_id, router=RouterState()))
        else:
            self._keeper.put(guild_id, replace(state, router=state.router.left(channel_id)))
            self._keeper.change(guild_id, channel_id, character=character_id)

    # ------------------------------------------------------------------ who answers

    def route(self, guild_id: str, channel_id: str, text: str, now_s: float, reply_to: str | None = None) -> Route:
        """Choose who answers `text`. `reply_to` is the character whose post it replies to, if any."""
        return route(
            text,
            self._present(guild_id, channel_id),
            self._keeper.get(guild_id).router,
            channel_id,
            now_s,
            self._settings.router,
            self._rng,
            reply_to,
            self._within_call(guild_id, channel_id),
        )

    def begin_session(
        self, guild_id: str, channel_id: str, character_id: str, now_s: float, greeting: int | None = None
    ) -> None:
        """From now on everything written in a channel is meant for its characters, for this one above all. `greeting`
        is which of its first messages it opens with, if it does."""
        self._keeper.change(guild_id, channel_id, session=True, greeting=greeting, touched_s=now_s)
        state = self._keeper.get(guild_id)
        self._keeper.put(guild_id, replace(state, router=state.router.answered(channel_id, character_id, now_s)))

    def in_session(self, guild_id: str, channel_id: str, now_s: float) -> bool:
        """Whether everything written in a channel is meant for its characters: until it is ended, or falls silent."""
        channel = self._keeper.get(guild_id).channel(channel_id)
        return channel.session and now_s - channel.touched_s < self._settings.session_s

    def end_session(self, guild_id: str, channel_id: str) -> None:
        """A conversation is over: the channel belongs to nobody."""
        self._keeper.change(guild_id, channel_id, session=False)
        state = self._keeper.get(guild_id)
        self._keeper.put(guild_id, replace(state, router=state.router.left(channel_id)))

    def answered(
        self, guild_id: str, channel_id: str, character_id: str, user_id: str, text: str, now_s: float
    ) -> None:
        """A character answered what a person wrote or said: the two come closer, or fall out."""
        self._spoke(guild_id, channel_id, character_id, now_s)
        if not self._may_remember(user_id, guild_id):
            return
        bond = self.bond(guild_id, character_id, user_id, now_s)
        tone = tone_of(text)
        if tone.angry >= _INSULT:
            # Topics, not words: what a person wrote has no business in a prompt for ever.
            about = ", ".join(sorted(topics_of(text)))
            bond = quarrelled(bond, now_s, about, tone.angry / 2, self._settings.bonds)
        sentiment = _WARMTH + (5 - _WARMTH) * tone.valence
        self._bind(guild_id, character_id, user_id, exchanged(bond, now_s, self._settings.bonds, sentiment))

    def answered_character(
        self, guild_id: str, channel_id: str, character_id: str, other_id: str, now_s: float
    ) -> None:
        """A character answered another one."""
        self._spoke(guild_id, channel_id, character_id, now_s)
        bond = self.bond(guild_id, character_id, other_id, now_s)
        self._bind(guild_id, character_id, other_id, exchanged(bond, now_s, self._settings.bonds))

    def spoke_unasked(self, guild_id: str, channel_id: str, character_id: str, now_s: float) -> None:
        """A character said something nobody had asked for."""
        self._spoke(guild_id, channel_id, character_id, now_s)

    def _spoke(self, guild_id: str, channel_id: str, character_id: str, now_s: float) -> None:
        self._observe(guild_id, character_id, Answered(channel_id, now_s))
        channel = self._keeper.get(guild_id).channel(channel_id)
        answers = {**channel.answers, character_id: channel.answers.get(character_id, 0) + 1}
        self._keeper.change(guild_id, channel_id, messages=channel.messages + 1, answers=answers, touched_s=now_s)
        state = self._keeper.get(guild_id)
        self._keeper.put(guild_id, replace(state, router=state.router.answered(channel_id, character_id, now_s)))

    # ------------------------------------------------------------------ what they feel moved to do

    def observe(self, guild_id: str, event: Event) -> tuple[Urge, ...]:
        """Have the characters of the event's channel perceive it. At most one of them wants to speak.

        Called for every message, once a quiet minute, and when somebody joins a voice channel; answers are told by
        `answered` and its like.
        """
        if isinstance(event, Said):
            channel = self._keeper.get(guild_id).channel(event.channel)
            self._keeper.change(guild_id, event.channel, messages=channel.messages + 1, touched_s=event.at_s)
        off = self.leave.not_done(guild_id, event.channel)
        urges: list[Urge] = []
        present = list(self._present(guild_id, event.channel))
        self._rng.shuffle(present)
        for profile in present:
            impulses = self._observe(guild_id, profile.id, event, off)
            urges += (Urge(profile, impulse) for impulse in impulses)
            if impulses:
                # One reaction and one remark are company; more would be a chorus.
                kinds = {impulse.kind for impulse in impulses}
                off |= kinds if kinds == {Kind.REACTION} else frozenset(Kind)
        return tuple(urges)

    def _observe(
        self, guild_id: str, character_id: str, event: Event, off: Collection[Kind] = ()
    ) -> tuple[Impulse, ...]:
        profile = self._roster.get(character_id)
        if profile is None:
            return ()
        state = self._keeper.get(guild_id)
        settings = self._behaviour[character_id]
        mind, impulses = observe(
            state.mind(character_id), event, settings, profile.settings.topics, self._rng, frozenset(off)
        )
        self._keeper.put(guild_id, state.with_mind(character_id, mind))
        return impulses

    def answer_delay_s(self, guild_id: str, channel_id: str, character_id: str) -> float:
        """How long to wait before an answer that nobody waits for."""
        rhythm = self._keeper.get(guild_id).mind(character_id).channel(channel_id).rhythm
        return answer_delay_s(rhythm, self._behaviour[character_id], self._rng)

    # ------------------------------------------------------------------ how they stand to each other

    def bond(self, guild_id: str, one: str, other: str, now_s: float) -> Bond:
        """How two stand to each other, of which at least one is a character."""
        return now(self._keeper.get(guild_id).bonds.between(one, other), now_s, self._settings.bonds)

    def regulars(self, guild_id: str, channel_id: str) -> tuple[str, ...]:
        """Ids of the characters that have spoken in a channel."""
        return tuple(id for id in self._keeper.get(guild_id).channel(channel_id).answers if self._roster.get(id))

    def picks_up(self, guild_id: str, character_id: str, other_id: str, now_s: float) -> bool:
        """Whether a character feels like answering what another one said: a throw of dice."""
        bond = self.bond(guild_id, character_id, other_id, now_s)
        return self._rng.random() < banter_chance(bond, now_s, self._settings.bonds)

    def may_go_on(self, turns: int, stopped: bool, asked_turns: int | None = None) -> bool:
        """Whether two characters may exchange one more message; see `personas.relationships.may_go_on`."""
        return may_go_on(turns, stopped, self._settings.bonds, asked_turns)

    def forget(self, party: str) -> None:
        """Forget everything about a person, in every server."""
        for guild_id, state in self._keeper.all().items():
            self._keeper.put(guild_id, replace(state, bonds=state.bonds.without(party)))
        self.exchanges.forget(party)

    def _bond_lines(
        self, guild_id: str, one: str, other: str, name: str, to_character: bool, now_s: float
    ) -> tuple[str, ...]:
        """What a prompt says of a bond: nothing of strangers. A small model would speak of little else."""
        if not (to_character or self._may_remember(other, guild_id)):
            return ()
        bond = self.bond(guild_id, one, other, now_s)
        if stage_of(bond.affinity) is Stage.STRANGER and not bond.heat:
            return ()
        return (bond_line(bond, name, to_character, now_s, self._settings.bonds),)

    async def forget_for_good(self, party: str) -> int:
        """Forget everything about a person, on disk too; how many bonds that were.

        Raises:
            OSError: it is still on disk.
        """
        count = len(self.bonds_of(party))
        self.forget(party)
        await self._keeper.flush()
        return count

    async def forget_guild(self, guild_id: str) -> None:
        """Forget everything about a server, on disk too.

        Raises:
            OSError: it is still on disk.
        """
        await self._keeper.drop(guild_id)

    def bonds_of(self, party: str) -> list[dict[str, Any]]:
        """How the characters stand to a person, as data."""
        return self._keeper.bonds_of(party)

    def _bind(self, guild_id: str, one: str, other: str, bond: Bond) -> None:
        self._keeper.put(guild_id, self._keeper.get(guild_id).with_bond(one, other, bond))

    # ------------------------------------------------------------------ what they bring to an answer

    def cue(
        self,
        guild_id: str,
        channel_id: str,
        character_id: str,
        *,
        user_id: str,
        user_name: str,
        messages: Sequence[LoreMessage],
        now_s: float,
        company: Sequence[str] = (),
        alike: Collection[str] = (),
    ) -> Cue:
        """What a character brings to its answer to the last of `messages`.

        Args:
            messages: the newest of the conversation, oldest first.
            company: other characters in this exchange, by id.
            alike: ids of lore entries found alike in meaning.
        """
        profile = self._roster.get(character_id) or self.lead(guild_id, channel_id)
        speaker = " ".join(user_name.split())[:_LONGEST_NAME] or self._user_name
        state = self._keeper.get(guild_id)
        channel = state.channel(channel_id)
        scene = LoreScene(
            profile.card,
            [replace(message, text=message.text[:_LONGEST_SCANNED]) for message in messages],
            chat_length=max(channel.messages, len(messages)),
            character_messages=channel.answers.get(profile.id, 0),
            greeting=channel.greeting,
        )
        books = self._books[profile.id]
        found = find_lore(books, scene, channel.lore, self._settings.lore, self._rng, _tokens, alike)
        if found.slow_keys:
            logger.warning(
                "{} lore patterns of {} are too slow and are no longer used", len(found.slow_keys), profile.id
            )
            self._books[profile.id] = tuple(without_slow(book, found.slow_keys) for book in books)
        self._keeper.change(guild_id, channel_id, lore=found.state)
        others = [other for id in company if id != profile.id and (other := self._roster.get(id))]
        moment = Moment(
            speaker=speaker,
            lines=(
                *self._bond_lines(guild_id, profile.id, user_id, speaker, False, now_s),
                *(
                    line
                    for other in others
                    for line in self._bond_lines(guild_id, profile.id, other.id, other.name, True, now_s)
                ),
                *mood_lines(state.mind(profile.id), now_s, self._behaviour[profile.id]),
            ),
            guest=_guest(profile, messages[-1].text if messages else ""),
        )
        return make_cue(profile, found, moment, user_name=self._user_name, seed=self._seed)


def _behaviour(profile: CharacterProfile, defaults: BehaviourSettings) -> BehaviourSettings:
    """How lively a character is: what its card or framework says, else what the settings say."""
    own = compile_character(profile).settings.behaviour
    said = {name: getattr(own, name) for name in own.model_fields_set}
    return BehaviourSettings.model_validate({**defaults.model_dump(), **said})


def _tokens(text: str) -> int:
    return int(len(text) / _CHARS_PER_TOKEN) + 1


def _guest(profile: CharacterProfile, text: str) -> Framework | None:
    """The framework that what was just said calls for, beside the character's own."""
    if profile.settings.framework is None:
        return None
    home = framework(profile.settings.framework)
    mood, strength = mood_of(tone_of(text))
    parts = blend(home, topics_of(text), mood if strength >= _FEELING else None)
    return next((part for part in parts if part.id != home.id), None)
