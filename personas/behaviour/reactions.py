"""An emoji under a message, when the message gives a reason for one."""

import random

from personas.behaviour.tone import Tone

_BY_TONE = {"glad": "😄 🎉 💖 ✨", "low": "🫂 💙 🥺", "angry": "😬 👀", "loud": "🔥 👀", "asking": "🤔"}
_BY_TOPIC = {
    "games": "🎮",
    "music": "🎵",
    "films": "🎬",
    "series": "📺",
    "books": "📚",
    "food": "🍰 🍵",
    "animals": "🐾",
    "nature": "🌿",
    "science": "🔬",
    "space": "🚀 🌌",
    "technology": "🤖",
    "programming": "💻",
    "sports": "🏅",
    "travel": "🧳",
    "art": "🎨",
    "history": "🏺",
    "feelings": "💙",
}


def reaction_for(tone: Tone, liked: frozenset[str], rng: random.Random) -> str:
    """A fitting emoji, "" when nothing calls for one. `liked` are the message's topics the character likes.

    Sadness is answered before anything else: a rocket under bad news would be cruel.
    """
    if tone.low >= 0.5:
        return rng.choice(_BY_TONE["low"].split())
    choices = [emoji for topic in sorted(liked) for emoji in _BY_TOPIC.get(topic, "").split()]
    if tone.angry >= 0.5:
        choices = _BY_TONE["angry"].split()
    elif tone.glad >= 0.5:
        choices += _BY_TONE["glad"].split()
    elif tone.loud >= 0.5:
        choices += _BY_TONE["loud"].split()
    elif tone.asking and liked:
        choices += _BY_TONE["asking"].split()
    return rng.choice(choices) if choices else ""
