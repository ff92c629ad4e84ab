"""A character's mind in one server: one state, one function that moves it.

`observe` is called for every event, in order; it returns the next state and what the character feels
moved to do.
"""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from personas.behaviour.events import Answered, Event, Impulse, JoinedVoice, Kind, Quiet, Said
from personas.behaviour.evolution import evolution_line
from personas.behaviour.mood import Feeling, mood_line, stirred
from personas.behaviour.reactions import reaction_for
from personas.behaviour.settings import BehaviourSettings
from personas.behaviour.timing import Rhythm, heard, liveliness
from personas.behaviour.tone import Tone, tone_of
from personas.behaviour.topics import topics_of

_TELLING_WORDS = 6
"""Messages shorter than this tell nothing one could ask about."""
_MAX_CHANNELS = 500


@dataclass(frozen=True, slots=True)
class Channel:
    """What a mind remembers of one channel."""

    rhythm: Rhythm = field(default_factory=Rhythm)
    last_heard_s: float = 0.0
    last_unbidden_s: float = 0.0
    """When the character last felt moved to speak unasked, 0 for never."""
    asked_at_s: tuple[float, ...] = ()
    """When it asked out of curiosity, the last 15 minutes."""
    lull_taken: bool = False
    """It has already spoken into the present lull."""


@dataclass(frozen=True, slots=True)
class Mind:
    """What a character feels and remembers of its channels."""

    feeling: Feeling = field(default_factory=Feeling)
    exchanges: int = 0
    channels: Mapping[str, Channel] = field(default_factory=dict)

    def channel(self, id: str) -> Channel:
        return self.channels.get(id, Channel())


def observe(
    mind: Mind,
    event: Event,
    settings: BehaviourSettings,
    topics: Collection[str],
    rng: random.Random,
    off: Collection[Kind] = (),
) -> tuple[Mind, tuple[Impulse, ...]]:
    """Advance a mind by one event.

    Args:
        topics: what the character likes to talk about.
        off: what is switched off in the event's channel; its dice are not even rolled.
    """
    channel = mind.channel(event.channel)
    match event:
        case Said():
            tone = tone_of(event.text)
            mind = replace(mind, feeling=stirred(mind.feeling, tone, event.at_s, settings))
            channel = replace(
                channel, rhythm=heard(channel.rhythm, event.at_s), last_heard_s=event.at_s, lull_taken=False
            )
            liked = topics_of(event.text) & frozenset(topics)
            channel, impulses = _moved_by(event, channel, tone, liked, settings, rng, off)
        case Answered():
            # A text answer in the middle of a lull ends it, too.
            mind = replace(mind, exchanges=mind.exchanges + 1)
            channel, impulses = replace(channel, last_heard_s=event.at_s), ()
        case Quiet():
            channel, impulses = _moved_by_silence(event, channel, settings, rng, off)
        case JoinedVoice():
            channel, impulses = _moved_by_company(event, channel, settings, rng, off)
    return replace(mind, channels=_with(mind.channels, event.channel, channel)), impulses


def _with(channels: Mapping[str, Channel], id: str, channel: Channel) -> Mapping[str, Channel]:
    """The channels with one changed; the longest unheard is forgotten when there are too many."""
    changed = {**channels, id: channel}
    if len(changed) > _MAX_CHANNELS:
        del changed[min(changed.keys() - {id}, key=lambda key: changed[key].last_heard_s)]
    return changed


def _moved_by(
    event: Said,
    channel: Channel,
    tone: Tone,
    liked: frozenset[str],
    settings: BehaviourSettings,
    rng: random.Random,
    off: Collection[Kind],
) -> tuple[Channel, tuple[Impulse, ...]]:
    impulses: list[Impulse] = []
    if Kind.REACTION not in off and rng.random() < settings.reactions:
        emoji = reaction_for(tone, liked, rng)
        if emoji:
            impulses.append(Impulse(Kind.REACTION, event.channel, emoji))
    if event.addressed or not _rested(channel, event.at_s, settings):
        return channel, tuple(impulses)
    if liked and Kind.PROACTIVE not in off and rng.random() < settings.proactive:
        about = ", ".join(sorted(liked))
        question = f"People are talking about {about}. Would it be welcome if you joined in now?"
        impulses.append(Impulse(Kind.PROACTIVE, event.channel, about, question))
    elif Kind.CURIOSITY not in off and _may_ask(event, channel, settings) and rng.random() < settings.curiosity:
        question = f"{event.user} said: {event.text[:200]!r}. Would a short, friendly question about it be welcome?"
        impulses.append(Impulse(Kind.CURIOSITY, event.channel, event.text[:200], question))
        channel = replace(channel, asked_at_s=(*_recent(channel, event.at_s, 900), event.at_s))
    if any(impulse.question for impulse in impulses):
        channel = replace(channel, last_unbidden_s=event.at_s)
    return channel, tuple(impulses)


def _rested(channel: Channel, now_s: float, settings: BehaviourSettings) -> bool:
    return not channel.last_unbidden_s or now_s - channel.last_unbidden_s >= settings.proactive_cooldown_s


def _recent(channel: Channel, now_s: float, within_s: float) -> tuple[float, ...]:
    return tuple(at_s for at_s in channel.asked_at_s if now_s - at_s < within_s)


def _may_ask(event: Said, channel: Channel, settings: BehaviourSettings) -> bool:
    return (
        len(event.text.split()) >= _TELLING_WORDS
        and len(_recent(channel, event.at_s, 300)) < settings.curiosity_per_5_min
        and len(_recent(channel, event.at_s, 900)) < settings.curiosity_per_15_min
    )


def _moved_by_silence(
    event: Quiet, channel: Channel, settings: BehaviourSettings, rng: random.Random, off: Collection[Kind]
) -> tuple[Channel, tuple[Impulse, ...]]:
    silence_s = event.at_s - channel.last_heard_s
    lull = settings.ambient_after_s <= silence_s < 4 * settings.ambient_after_s
    possible = channel.last_heard_s and lull and not channel.lull_taken and Kind.AMBIENT not in off
    if not possible or not _rested(channel, event.at_s, settings):
        return channel, ()
    # In hours when the channel usually sleeps, so does the character.
    pace = liveliness(channel.rhythm, event.at_s) if settings.adaptive_timing else 1.0
    if rng.random() >= settings.ambient * min(1.0, pace):
        return channel, ()
    minutes = int(silence_s // 60)
    question = f"It has been quiet for {minutes} minutes. Would a short remark from you be welcome?"
    impulse = Impulse(Kind.AMBIENT, event.channel, f"{minutes} minutes of silence", question)
    return replace(channel, lull_taken=True, last_unbidden_s=event.at_s), (impulse,)


def _moved_by_company(
    event: JoinedVoice, channel: Channel, settings: BehaviourSettings, rng: random.Random, off: Collection[Kind]
) -> tuple[Channel, tuple[Impulse, ...]]:
    if Kind.VOICE_JOIN in off or not _rested(channel, event.at_s, settings) or rng.random() >= settings.voice_joins:
        return channel, ()
    question = f"{event.user} just joined the voice channel. Would a short greeting now interrupt no one?"
    impulse = Impulse(Kind.VOICE_JOIN, event.channel, event.user, question)
    return replace(channel, last_unbidden_s=event.at_s), (impulse,)


def prompt_lines(mind: Mind, now_s: float, settings: BehaviourSettings) -> tuple[str, ...]:
    """What the prompt should say about the character's present state, nothing when all is as usual."""
    evolution = evolution_line(mind.exchanges) if settings.evolves else ""
    return tuple(line for line in (mood_line(mind.feeling, now_s, settings), evolution) if line)
