"""The six moods."""

from enum import StrEnum


class Mood(StrEnum):
    """How a character can feel."""

    CALM = "calm"
    HAPPY = "happy"
    EXCITED = "excited"
    CURIOUS = "curious"
    SAD = "sad"
    IRRITATED = "irritated"
