"""The rhythm of a channel, and answering at its pace.

A channel where people write every few seconds wants a quick remark or none; in one where an hour passes
between two messages, an instant answer looks like a machine's. Seven days are remembered, by hour of the
week.
"""

import random
from dataclasses import dataclass, replace

from personas.behaviour.settings import BehaviourSettings

HOURS = 7 * 24
_GAP_WEIGHT = 0.2
"""How much the newest gap between two messages counts in the running mean."""
_MAX_GAP_S = 3600.0
MAX_DELAY_S = 20.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a channel speaks, and how fast."""

    per_hour: tuple[float, ...] = (0.0,) * HOURS
    """Messages in each hour of the week since Monday 00:00 UTC; last week's count half of this week's."""
    week: int = 0
    gap_s: float = 30.0
    """Running mean of the time between two messages, gaps of more than an hour counted as one."""
    last_s: float = 0.0


def heard(rhythm: Rhythm, at_s: float) -> Rhythm:
    """The rhythm after one more message."""
    hours = int(at_s // 3600) + 72  # Unix time began on a Thursday
    week, hour = divmod(hours, HOURS)
    counts = list(rhythm.per_hour)
    if rhythm.last_s and week > rhythm.week:
        fade = 0.5 ** (week - rhythm.week)
        counts = [count * fade for count in counts]
    counts[hour] += 1
    gap_s = rhythm.gap_s
    if rhythm.last_s:
        gap_s += _GAP_WEIGHT * (min(_MAX_GAP_S, max(0.0, at_s - rhythm.last_s)) - gap_s)
    return replace(rhythm, per_hour=tuple(counts), week=week, gap_s=gap_s, last_s=at_s)


def liveliness(rhythm: Rhythm, at_s: float) -> float:
    """How busy this hour of the week usually is, against the channel's mean hour; 1 is the mean, at most
    4."""
    mean = sum(rhythm.per_hour) / HOURS
    return min(4.0, rhythm.per_hour[(int(at_s // 3600) + 72) % HOURS] / mean) if mean else 1.0


def answer_delay_s(rhythm: Rhythm, settings: BehaviourSettings, rng: random.Random) -> float:
    """How long to wait before an answer nobody waits for: a tenth of the channel's usual gap, within 20 s."""
    if not settings.adaptive_timing:
        return 0.0
    return min(MAX_DELAY_S, rhythm.gap_s * 0.1 * rng.uniform(0.6, 1.4))
