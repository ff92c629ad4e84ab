"""What a bad network does to packets, drawn from a seeded generator so that every run is the same."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Impairment:
    """One flow's network. Probabilities are per packet, 0 to 1."""

    loss: float = 0.0
    duplicate: float = 0.0
    """A duplicate follows 1 ms after the original."""
    reorder: float = 0.0
    """Such a packet is held `reorder_ms`, so that one or two successors overtake it."""
    reorder_ms: float = 30.0
    delay_ms: float = 0.0
    """Every packet's one-way delay."""
    jitter_ms: float = 0.0
    """Uniform extra delay, 0 to this."""
    seed: int = 1


@dataclass(slots=True)
class Flow:
    """The packets of one source to one destination, meeting an impairment."""

    impairment: Impairment
    dice: random.Random

    def deliveries_s(self) -> tuple[float, ...]:
        """When the next packet's copies arrive, in seconds from now: none when lost, two when doubled."""
        rule, dice = self.impairment, self.dice
        # All dice are thrown for every packet: one probability changed leaves the other draws alone.
        lost, doubled, late, jitter = (dice.random() for _ in range(4))
        if lost < rule.loss:
            return ()
        delay_ms = rule.delay_ms + jitter * rule.jitter_ms + (rule.reorder_ms if late < rule.reorder else 0.0)
        delays_ms = (delay_ms, delay_ms + 1.0) if doubled < rule.duplicate else (delay_ms,)
        return tuple(delay / 1000 for delay in delays_ms)
