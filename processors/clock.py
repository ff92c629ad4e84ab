"""One clock for a session: milliseconds since its first audio, on the event loop's own time.

On a `VirtualTimeLoop` it is virtual with it, so every stamp of a fast replay is media time.
"""

import asyncio

from pipecat.clocks.base_clock import BaseClock


class SessionClock(BaseClock):
    """Milliseconds since the session began. Also the clock Pipecat's pipeline stamps frames with (ns)."""

    def __init__(self) -> None:
        self._zero_s: float | None = None

    def start(self) -> None:
        """Begin the session now; a second call changes nothing."""
        if self._zero_s is None:
            self._zero_s = asyncio.get_running_loop().time()

    def now_ms(self) -> float:
        """Milliseconds since `start`; 0 before it."""
        if self._zero_s is None:
            return 0.0
        # To the nanosecond: finer digits are noise of the subtraction and differ with the time the session began.
        return round((asyncio.get_running_loop().time() - self._zero_s) * 1000.0, 6)

    def get_time(self) -> int:
        return int(self.now_ms() * 1e6)
