"""What a message is about: seventeen topics by their words."""

import re

TOPICS: dict[str, tuple[str, ...]] = {
    "games": ("game", "games", "gaming", "gamer", "play", "boss", "level", "quest", "rpg", "console", "speedrun"),
    "music": ("music", "song", "songs", "album", "band", "concert", "guitar", "piano", "melody", "lyrics", "playlist"),
    "films": ("movie", "movies", "film", "films", "cinema", "director", "actor", "actress", "trailer"),
    "series": ("series", "episode", "season", "show", "shows", "streaming", "binge", "anime", "manga"),
    "books": ("book", "books", "novel", "author", "reading", "chapter", "poem", "poetry", "library"),
    "food": ("food", "cook", "cooking", "recipe", "dinner", "lunch", "breakfast", "pizza", "tea", "coffee", "bake"),
    "animals": ("animal", "animals", "cat", "cats", "dog", "dogs", "pet", "pets", "bird", "birds", "horse"),
    "nature": ("nature", "forest", "garden", "plant", "plants", "mountain", "river", "sea", "ocean", "hike", "weather"),
    "science": ("science", "physics", "chemistry", "biology", "experiment", "theory", "research", "maths", "math"),
    "space": ("space", "planet", "planets", "star", "stars", "moon", "rocket", "galaxy", "telescope", "astronomy"),
    "technology": ("technology", "computer", "phone", "software", "app", "robot", "internet", "gadget", "ai"),
    "programming": ("code", "coding", "programming", "bug", "python", "compiler", "function", "api", "deploy"),
    "sports": ("sport", "sports", "football", "soccer", "basketball", "tennis", "match", "team", "gym", "running"),
    "travel": ("travel", "trip", "holiday", "vacation", "flight", "train", "city", "country", "beach", "hotel"),
    "art": ("art", "drawing", "draw", "paint", "painting", "sketch", "sculpture", "design", "photography"),
    "history": ("history", "ancient", "medieval", "empire", "war", "museum", "century", "king", "queen"),
    "feelings": ("feel", "feeling", "feelings", "sad", "happy", "lonely", "anxious", "stress", "tired", "love", "miss"),
}
"""Topic to words, each a whole word."""


_WORDS = {word: topic for topic, words in TOPICS.items() for word in words}
_WORD = re.compile(r"[^\W\d_]+")


def topics_of(text: str) -> frozenset[str]:
    """The topics that `text` touches."""
    found = (_WORDS.get(word) for word in _WORD.findall(text.lower()))
    return frozenset(topic for topic in found if topic)
