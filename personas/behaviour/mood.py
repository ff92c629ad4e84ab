"""A character's mood: stirred by what it hears, fading back to its own temper."""

from dataclasses import dataclass

from personas.behaviour.mood_names import Mood
from personas.behaviour.settings import BehaviourSettings
from personas.behaviour.tone import Tone

_NOTICEABLE = 0.2
"""Below this strength a feeling is not told to the model."""
_LINES = {
    Mood.HAPPY: "You are in a happy mood.",
    Mood.EXCITED: "You are excited, and it shows.",
    Mood.CURIOUS: "Something has made you curious.",
    Mood.SAD: "You feel a little down.",
    Mood.IRRITATED: "You are somewhat irritated, though not unkind.",
}


@dataclass(frozen=True, slots=True)
class Feeling:
    """A mood, how strong it was, and when."""

    mood: Mood = Mood.CALM
    strength: float = 0.0
    """0 to 1 at `at_s`."""
    at_s: float = 0.0


def faded(feeling: Feeling, now_s: float, settings: BehaviourSettings) -> Feeling:
    """The feeling as it is now: half as strong every `mood_decay_min` minutes."""
    minutes = max(0.0, now_s - feeling.at_s) / 60
    return Feeling(feeling.mood, feeling.strength * 0.5 ** (minutes / settings.mood_decay_min), now_s)


def stirred(feeling: Feeling, tone: Tone, now_s: float, settings: BehaviourSettings) -> Feeling:
    """The feeling after hearing something: contagion of what the speaker feels.

    The same mood grows; another one takes over when it is the stronger, and weakens the present one when not.
    """
    now = faded(feeling, now_s, settings)
    mood, strength = mood_of(tone)
    strength *= settings.contagion
    if strength <= 0:
        return now
    if mood is now.mood:
        return Feeling(mood, now.strength + strength * (1 - now.strength), now_s)
    if strength > now.strength:
        return Feeling(mood, strength, now_s)
    return Feeling(now.mood, now.strength - strength / 2, now_s)


def mood_of(tone: Tone) -> tuple[Mood, float]:
    if tone.angry > max(tone.glad, tone.low):
        return Mood.IRRITATED, tone.angry
    if tone.low > tone.glad:
        return Mood.SAD, tone.low
    if tone.glad > 0:
        return (Mood.EXCITED, max(tone.glad, tone.loud)) if tone.loud >= 0.5 else (Mood.HAPPY, tone.glad)
    if tone.asking:
        return Mood.CURIOUS, 0.3
    return Mood.CALM, 0.0


def current_mood(feeling: Feeling, now_s: float, settings: BehaviourSettings) -> Mood:
    """The mood that shows: the feeling's while it is noticeable, else the character's own."""
    return feeling.mood if faded(feeling, now_s, settings).strength >= _NOTICEABLE else settings.mood


def mood_line(feeling: Feeling, now_s: float, settings: BehaviourSettings) -> str:
    """One sentence for the prompt, "" when it feels as it usually does: its own temper is in its card."""
    mood = current_mood(feeling, now_s, settings)
    return "" if mood is settings.mood else _LINES.get(mood, "")
