"""Which stretch of an utterance is converted next, and with how much sound around it. Pure.

Time is counted in frames of 10 ms. A window carries context on both sides, because the networks hear to both sides;
what is kept of it is a block, plus the tail over which it is crossfaded into the next one.
"""

from dataclasses import dataclass

FRAME_HZ = 100
"""Content features and pitch run at this rate."""
ALIGN_FRAMES = 8
"""Windows begin on multiples of this: 80 ms holds whole hops of HuBERT (20 ms) and of the pitch tracker (16 ms)."""
EDGE_FRAMES = 24
"""Mirrored sound put before and after an utterance, so that its first and last frames have context too."""


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Sizes of windows, in frames."""

    block: int
    """Least new sound a window converts. The first window converts this much, so that speech starts early."""
    context: int
    """Sound already spoken that a window hears again."""
    lookahead: int
    """Sound after the kept part that a window hears, unless the utterance ends there."""
    tail: int
    """Sound converted past the block, for the crossfade and its search. At least 1, at most half of `EDGE_FRAMES`."""
    longest: int
    """Most new sound one window converts."""


@dataclass(frozen=True, slots=True)
class Window:
    """One pass through the networks. All frames are counted from the start of the utterance."""

    context: int
    """First frame heard."""
    start: int
    """First frame converted; everything before it has been handed out."""
    end: int
    """First frame not handed out by this window."""
    tail: int
    """First frame not converted."""
    stop: int
    """First frame not heard."""
    last: bool
    """Whether the utterance ends with this window."""


def first_heard(plan: WindowPlan, start: int) -> int:
    """First frame a window heard that converts from `start` on. Negative inside the mirrored front edge."""
    return max(-EDGE_FRAMES, start - plan.context) // ALIGN_FRAMES * ALIGN_FRAMES


def next_window(plan: WindowPlan, start: int, ready: int, *, begins: bool, ended: bool) -> Window | None:
    """The window to convert now, or None while too little sound is there.

    Args:
        start: first frame not yet handed out.
        ready: frames of sound there are.
        begins: whether a clause begins at `start`.
        ended: whether no more will come. Then everything left goes, window by window.
    """
    beyond = plan.tail + plan.lookahead
    free = ready - start - beyond
    longest = plan.block if begins else plan.longest
    if ended and (free < plan.block or ready - start <= longest):
        if ready <= start:
            return None
        return Window(first_heard(plan, start), start, ready, ready + plan.tail, ready + EDGE_FRAMES, last=True)
    if free < plan.block:
        return None
    end = start + min(longest, free)
    return Window(first_heard(plan, start), start, end, end + plan.tail, end + beyond, last=False)
