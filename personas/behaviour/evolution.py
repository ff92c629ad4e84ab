"""Growing with one's people: what changes as the number of conversations passes its milestones."""

MILESTONES = (50, 100, 500, 1000, 5000)
"""Exchanges after which a character has come one step further."""
_LINES = (
    "You have settled in here and speak more freely than at first.",
    "You know these people by now; you may refer to what you went through together.",
    "You are at home here. Inside jokes come naturally to you.",
    "You and these people are old friends, and you say things only old friends can.",
    "You have been here longer than anyone remembers; you are part of this place.",
)


def stage_of(exchanges: int) -> int:
    """How many milestones have passed, 0 to 5."""
    return sum(exchanges >= milestone for milestone in MILESTONES)


def evolution_line(exchanges: int) -> str:
    """One sentence for the prompt, "" before the first milestone."""
    stage = stage_of(exchanges)
    return _LINES[stage - 1] if stage else ""
