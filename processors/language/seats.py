"""Which of a few places each room has, for an engine that keeps in each what it has read."""

from collections import OrderedDict


class Seats:
    """Places 0 to `count` - 1. Whoever comes when all are taken gets the one that was unused for longest."""

    def __init__(self, count: int) -> None:
        """`count` is at least 1."""
        self._count = count
        self._of: OrderedDict[str, int] = OrderedDict()

    def of(self, room: str) -> int:
        """The place of a room, which uses it now."""
        place = self._of.pop(room, None)
        if place is None:
            place = len(self._of) if len(self._of) < self._count else self._of.popitem(last=False)[1]
        self._of[room] = place
        return place
