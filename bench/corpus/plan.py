"""Which turns there are: a fixed list, written out rather than drawn, in the order in which they are played."""

from dataclasses import dataclass
from itertools import chain, cycle
from typing import Literal

from bench.corpus.manifest import Kind
from bench.corpus.recordings import LONGER, SENTENCES, Clip
from bench.corpus.voices import VOICES, Voice

NoiseName = Literal["pink", "babble", "recorded 1", "recorded 2"]


@dataclass(frozen=True, slots=True)
class Line:
    """Something a synthetic voice says."""

    text: str
    voice: Voice


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one turn is made."""

    id: str
    kind: Kind
    speech: Clip | Line | None
    """None for a burst of noise."""
    pause_ms: int = 0
    noise: NoiseName = "pink"
    snr_db: float | None = None


_QUESTIONS = (
    "What is the capital of France?",
    "Can you tell me something about the moon?",
    "Hello there, how are you today?",
    "What should I cook for dinner tonight?",
    "Do you like music?",
    "I went for a walk in the park this morning.",
    "How does a bicycle stay upright?",
    "Please tell me a joke.",
    "What is your favorite color, and why?",
    "My sister is coming to visit next week.",
    "Which planet is the largest?",
    "I think it is going to rain.",
    "Could you help me with my homework?",
    "Why is the sky blue?",
    "Where do penguins live?",
    "Good morning! Did you sleep well?",
    "I just finished a really good book.",
    "How many legs does a spider have?",
    "What would you do with a million dollars?",
    "Let's talk about something else.",
)

_PAUSED = (
    "I was wondering, can you tell me a joke?",
    "If it rains tomorrow, we should stay at home.",
    "My favorite food, when I was a child, was pancakes.",
    "Tell me about dogs, and then about cats.",
    "When I get home, I will call my mother.",
    "The thing is, I forgot my keys.",
    "First we go to the market, then we go to the beach.",
    "I like apples, pears, and bananas.",
    "Before you answer, think about it for a moment.",
    "On the other hand, it could be fun.",
    "She said that, if I wanted, I could come along.",
    "You know, I have never been to Italy.",
)

_FILLED = (
    "Um, what time is it in London?",
    "So, uh, how was your weekend?",
    "Well, I guess, um, we could try that.",
    "Hmm, let me think, what about Tuesday?",
    "Er, can you say that again?",
    "Like, uh, do you ever get tired?",
)

_HESITATING = (
    "I would like to know, um, what is the tallest mountain?",
    "Can you remind me of, uh, the name of that song?",
    "My phone number is five five five, um, two three four.",
    "I want to go to, uh, the museum on Sunday.",
    "Maybe we should, um, ask somebody else.",
    "The movie was, uh, a little bit boring.",
    "It costs about, um, twenty dollars.",
    "I need to buy milk and, uh, some bread.",
)

_OPENERS = (
    "Can you tell me a long story about a cat?",
    "Tell me everything you know about the ocean.",
    "Please describe your perfect day from morning to evening.",
    "Can you explain in detail how a car engine works?",
    "Tell me a long story about a brave little mouse.",
    "What can you tell me about the history of Rome?",
)

_BACK_CHANNELS = (
    "Mm-hmm.",
    "Yeah.",
    "Uh-huh.",
    "Right.",
    "Okay.",
    "Oh, wow.",
    "I see.",
    "Yeah, yeah.",
    "Really?",
    "Mhm.",
)

_TALK_OVER = (
    "Wait, stop. I have another question.",
    "No, that is not what I meant.",
    "Hold on, can you say that again?",
    "Sorry, what about dogs?",
    "Stop, please, I have to go now.",
    "Actually, tell me about something else.",
    "That's enough, thank you. What time is it?",
    "But what about the other one?",
    "Excuse me, can I ask you something?",
    "Let me interrupt you for a second.",
)

_PAUSES_MS = (200, 300, 400, 500, 600, 700, 800, 900, 950, 1000, 1200, 1500)
_HESITATIONS_MS = (300, 400, 500, 600, 700, 800, 900, 1200)
_SNRS_DB = (20.0, 10.0, 5.0)
_NOISES: tuple[NoiseName, ...] = ("pink", "babble", "recorded 1", "recorded 2")
_BURSTS = 2
_DEAL = 5


def plan() -> tuple[Recipe, ...]:
    """All turns, the kinds mixed, so that the first N of them are a fair sample of the whole."""
    voices = cycle(VOICES)
    lines = [[Recipe("", Kind.PLAIN, Line(text, next(voices)))] for text in _QUESTIONS]
    clips = [[Recipe("", Kind.PLAIN, clip)] for clip in _dealt(SENTENCES)]
    paused = [
        [Recipe("", Kind.PAUSE, Line(text, next(voices)), ms)] for text, ms in zip(_PAUSED, _PAUSES_MS, strict=True)
    ]
    # The other way round, so that no length belongs to one place in the run.
    human = [[Recipe("", Kind.PAUSE, clip, ms)] for clip, ms in zip(LONGER, reversed(_PAUSES_MS), strict=True)]
    filled = [[Recipe("", Kind.FILLER, Line(text, next(voices)))] for text in _FILLED]
    hesitating = [
        [Recipe("", Kind.HESITATION, Line(text, next(voices)), ms)]
        for text, ms in zip(_HESITATING, _HESITATIONS_MS, strict=True)
    ]
    return _numbered(_interleaved(clips, lines, human, paused, _noisy(), hesitating, filled, _overlaps()))


def _noisy() -> list[list[Recipe]]:
    speech = (*_dealt(SENTENCES)[:6], *(Line(text, voice) for text, voice in zip(_QUESTIONS[:6], VOICES, strict=True)))
    noise: list[tuple[NoiseName, float]] = [(name, snr) for snr in _SNRS_DB for name in _NOISES]
    # Every noise and level meets recordings and synthetic voices alike.
    shuffled = noise[::2] + noise[1::2]
    return [
        [Recipe("", Kind.NOISE, said, noise=name, snr_db=snr)]
        for said, (name, snr) in zip(speech, shuffled, strict=True)
    ]


def _dealt(clips: tuple[Clip, ...]) -> list[Clip]:
    """The clips in an order in which one reader does not follow another time and again."""
    return [clip for first in range(_DEAL) for clip in clips[first::_DEAL]]


def _overlaps() -> list[list[Recipe]]:
    openers, voices = cycle(_OPENERS), cycle(VOICES)
    over: list[Recipe] = []
    for back, talk in zip(_BACK_CHANNELS, _TALK_OVER, strict=True):
        voice = next(voices)
        over += [Recipe("", Kind.BACK_CHANNEL, Line(back, voice)), Recipe("", Kind.TALK_OVER, Line(talk, voice))]
    over += [Recipe("", Kind.BURST, None)] * _BURSTS
    pairs = []
    for recipe in over:
        voice = recipe.speech.voice if isinstance(recipe.speech, Line) else VOICES[0]
        pairs.append([Recipe("", Kind.OPENER, Line(next(openers), voice)), recipe])
    return pairs


def _interleaved(*groups: list[list[Recipe]]) -> list[Recipe]:
    """Take from every group in proportion to its length."""
    placed = [
        ((index + 0.5) / len(group), order, entry)
        for order, group in enumerate(groups)
        for index, entry in enumerate(group)
    ]
    placed.sort(key=lambda one: one[:2])
    return list(chain.from_iterable(entry for _, _, entry in placed))


def _numbered(recipes: list[Recipe]) -> tuple[Recipe, ...]:
    counts: dict[Kind, int] = {}
    named = []
    for recipe in recipes:
        counts[recipe.kind] = counts.get(recipe.kind, 0) + 1
        name = f"{recipe.kind}-{counts[recipe.kind]:02d}"
        named.append(Recipe(name, recipe.kind, recipe.speech, recipe.pause_ms, recipe.noise, recipe.snr_db))
    return tuple(named)
