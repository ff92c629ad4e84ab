"""Which talks are to be summed up now. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from processors.memory.summaries.settings import SummarySettings

Place = tuple[str, str, str]
"""Where a talk happens: the place's id, its kind, and the character."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message, as far as it matters here."""

    id: int
    place: Place
    at_s: float


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done with the messages that are in no summary yet."""

    talks: tuple[tuple[int, ...], ...]
    """Ids of the messages of each talk to be summed up."""
    passed: Mapping[Place, int]
    """Up to which message each place is then done with, those included that are not worth it."""


def due(messages: Iterable[Said], done: Mapping[Place, int], now_s: float, settings: SummarySettings) -> Due:
    """Cut the open messages of each place into talks: at every pause, and after so many messages."""
    by_place: dict[Place, list[Said]] = defaultdict(list)
    for message in messages:
        if message.id > done.get(message.place, 0):
            by_place[message.place].append(message)
    talks: list[tuple[int, ...]] = []
    passed: dict[Place, int] = {}
    idle_s = settings.idle_min * 60
    for place, said in by_place.items():
        talk: list[Said] = []
        ends = [after.at_s for after in said[1:]] + [now_s]
        for one, next_s in zip(said, ends, strict=True):
            talk.append(one)
            pause = next_s - one.at_s >= idle_s
            if pause or len(talk) >= settings.every:
                if len(talk) >= settings.least:
                    talks.append(tuple(message.id for message in talk))
                passed[place] = one.id
                talk = []
    return Due(tuple(talks), passed)
