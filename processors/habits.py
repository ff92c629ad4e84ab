"""A speaker's habit: how long the pauses are that they make and then go on. Pure, and forgotten with the session."""

from dataclasses import dataclass

USUAL_MS = 400
"""The long pause that somebody unknown is expected to make."""
_EXPECTED = 3
"""How many pauses of one's own outweigh that expectation."""
_SHORTEST_MS = 150
"""Shorter silences are consonants."""
_LONGEST_MS = 1500
"""After a longer one it is another thought."""
_REMEMBERED = 8
_SPEAKERS = 32


@dataclass(frozen=True, slots=True)
class Habit:
    """The last pauses of one speaker."""

    speaker: str
    pauses_ms: tuple[int, ...] = ()

    @property
    def usual_ms(self) -> float:
        """A pause that is long for this speaker: the mean of the longer half of them, drawn to what is usual."""
        longer = sorted(self.pauses_ms)[len(self.pauses_ms) // 2 :]
        return (_EXPECTED * USUAL_MS + sum(longer)) / (_EXPECTED + len(longer))


Habits = tuple[Habit, ...]
"""Of everybody in a room, whoever paused last at the end."""


def with_pause(habits: Habits, speaker: str, pause_ms: float) -> Habits:
    """The habits with one more pause behind which the speaker went on."""
    if not _SHORTEST_MS <= pause_ms <= _LONGEST_MS:
        return habits
    known = habit_of(habits, speaker)
    habit = Habit(speaker, (*known.pauses_ms, round(pause_ms))[-_REMEMBERED:])
    return (*(one for one in habits if one.speaker != speaker), habit)[-_SPEAKERS:]


def habit_of(habits: Habits, speaker: str) -> Habit:
    """What is known of a speaker, if only that there is nothing to know."""
    return next((one for one in habits if one.speaker == speaker), Habit(speaker))


def pace(habit: Habit, most: float) -> float:
    """How much longer (or shorter, below 1) than usual this speaker's silences must last to mean the end.

    Args:
        most: the largest factor; the smallest is 1 / sqrt(most). 1 to treat everybody alike.
    """
    return min(most, max(most**-0.5, habit.usual_ms / USUAL_MS))
