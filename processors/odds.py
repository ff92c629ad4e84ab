"""Probabilities on the scale on which evidence adds up."""

import math

_LEAST = 1e-6
"""Nearer to 0 or 1 than this nobody can be sure."""


def log_odds(probability: float) -> float:
    """The natural logarithm of the odds of `probability` (0-1): 0 at one half, at most 13.8 either way."""
    within = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(within / (1 - within))
