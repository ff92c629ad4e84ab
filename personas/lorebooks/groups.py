"""Inclusion groups: of the entries of one group that would speak, one does.

A running sticky entry wins; then, where scoring is on, the entries with most keys found; then the one with
`group_override` of the highest order; then a draw by weight. A group that already spoke in this scan stays as
it is.
"""

import random
from collections.abc import Callable, Collection, Sequence

from personas.lorebooks.model import Entry


def one_per_group(
    entries: Sequence[Entry],
    *,
    spoken: Collection[str],
    is_sticky: Callable[[Entry], bool],
    score: Callable[[Entry], int],
    scoring: bool,
    rng: random.Random,
) -> list[Entry]:
    """The entries that remain, in their order.

    Args:
        spoken: groups that an entry of this scan already spoke for.
        score: how many keys of an entry are found.
        scoring: whether groups are scored where their entries do not say.
    """
    left = list(entries)
    for group in dict.fromkeys(group for entry in entries for group in entry.groups):
        members = [entry for entry in left if group in entry.groups]
        if not members:
            continue
        winners = _winners(members, group in spoken, is_sticky, score, scoring, rng)
        left = [entry for entry in left if group not in entry.groups or entry in winners]
    return left


def _winners(
    members: list[Entry],
    has_spoken: bool,
    is_sticky: Callable[[Entry], bool],
    score: Callable[[Entry], int],
    scoring: bool,
    rng: random.Random,
) -> list[Entry]:
    sticky = [entry for entry in members if is_sticky(entry)]
    if sticky:
        return sticky
    if has_spoken:
        return []
    scored = [scoring if entry.group_scoring is None else entry.group_scoring for entry in members]
    if any(scored):
        scores = [score(entry) for entry in members]
        best = max(scores)
        members = [e for e, own, on in zip(members, scores, scored, strict=True) if not on or own == best]
    override = [entry for entry in members if entry.group_override]
    if override:
        return [max(override, key=lambda entry: entry.order)]
    weights = [max(0.0, entry.group_weight) for entry in members]
    return rng.choices(members, weights if sum(weights) > 0 else None)
