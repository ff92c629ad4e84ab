"""Which of what comes to mind stands before a reply's words: what costs the reply no time.

A model on a CPU takes some 4 ms to read a token, so five remembered sentences are half a second. They are therefore
read while the question is still being spoken; what has not been read by its end is left to the next reply, and read
before that is asked for. A model that reads at once, or does not say how fast it reads, is shown all of it.
"""

from collections.abc import Callable, Iterable

FREE_MS = 20.0
"""What a reply may be later for what comes to mind."""
REPLY_MS = 200.0
"""From a request to the first sound: of a silence that is waited for anyway, so much is needed for that."""
_EVERY_MS = 2000.0
"""Lines are taken no more often while somebody speaks: whoever stops while they are being read waits for it."""
_LEAST_TOKENS = 8
"""Nothing that can be remembered is shorter."""


class InMind:
    """One room's lines. Those of a turn only grow at their end: a line that was read is not worth reading twice."""

    def __init__(self, count: Callable[[str], int], *, reading_ms: float) -> None:
        """
        Args:
            count: tokens of a text.
            reading_ms: how long what is found at a time may take to be read while the question is being spoken.
        """
        self._count = count
        self._reading_ms = reading_ms
        self._lines: tuple[str, ...] = ()
        self._read = 0
        """How many of them the model has read."""
        self._begun_ms: float | None = None
        """When it began to read the next of them."""
        self._left: tuple[str, ...] = ()
        self._taken_ms: float | None = None
        """When lines were taken last while somebody spoke."""
        self._utterances: set[object] = set()
        self._carried = False
        """The lines were left by the turn before; the next utterance begins with them."""

    @property
    def read(self) -> tuple[str, ...]:
        """What stands before the words and has been read."""
        return self._lines[: self._read]

    def listen(self, utterance: object) -> None:
        """Words of this utterance are known. The first of a new one drops what came to mind of those before."""
        if utterance in self._utterances:
            return
        if self._carried:
            self._carried = False
        else:
            self._drop()
        self._utterances.add(utterance)

    def ahead(self, found: Iterable[str], token_ms: float, now_ms: float) -> tuple[str, ...]:
        """Take what of `found` can be read while the question is being spoken, the first lines first."""
        if not token_ms or self._taken_ms is None or now_ms - self._taken_ms >= _EVERY_MS:
            before = self._lines
            self._take(found, self._reading_ms, token_ms)
            if self._lines != before:
                self._taken_ms = now_ms
        return self._lines

    def lacks(self, found: Iterable[str]) -> bool:
        """Whether something was found that does not stand there yet."""
        return any(line not in self._lines for line in found)

    def begin(self, now_ms: float) -> None:
        """The model begins to read the next line."""
        self._begun_ms = now_ms

    def done(self, lines: tuple[str, ...]) -> None:
        """The model has read these."""
        self._begun_ms = None
        if self._lines[: len(lines)] == lines:
            self._read = max(self._read, len(lines))

    def waits(self, token_ms: float, spare_ms: float) -> bool:
        """Whether a reply that has so much time may wait for what is still being looked up."""
        return _LEAST_TOKENS * token_ms <= spare_ms

    def for_reply(self, found: Iterable[str], token_ms: float, spare_ms: float, now_ms: float) -> tuple[str, ...]:
        """The lines of a reply that begins now, less those whose reading would make it late by more than `spare_ms`."""
        unread, self._lines = self._lines[self._read :], self._lines[: self._read]
        if unread and self._begun_ms is not None:
            under_way_ms = max(0.0, self._count(unread[0]) * token_ms - (now_ms - self._begun_ms))
            if under_way_ms <= spare_ms:
                self._lines += unread[:1]
                spare_ms -= under_way_ms
        self._begun_ms = None
        found = (*unread, *found)
        self._take(found, spare_ms, token_ms)
        self.leave(found)
        return self._lines

    def leave(self, lines: Iterable[str]) -> None:
        """These came too late for the reply that has begun; those among them that do not stand in it serve the next."""
        self._left += tuple(line for line in lines if line not in self._lines and line not in self._left)

    def answered(self, token_ms: float) -> None:
        """A reply is over. What it came too late for stands before the next words, to be read until they come."""
        left = self._left
        self._drop()
        self._take(left, self._reading_ms, token_ms)
        self._carried = bool(self._lines)

    def _take(self, found: Iterable[str], most_ms: float, token_ms: float) -> None:
        for line in found:
            cost_ms = (self._count(line) + 1) * token_ms
            if line not in self._lines and cost_ms <= most_ms:
                self._lines += (line,)
                most_ms -= cost_ms

    def _drop(self) -> None:
        self._lines = self._left = ()
        self._taken_ms = None
        self._read, self._begun_ms, self._carried = 0, None, False
        self._utterances.clear()
