"""A speech-to-text engine that follows a script, so that turn-taking can be tested to the millisecond."""

import asyncio
from collections.abc import Sequence

from processors.hearing.engines import Segment
from processors.lanes import Priority


class ScriptedStt:
    """Answers a speaker's n-th utterance with the n-th line, after a fixed delay on the loop's clock.

    A line may name its speaker ("Alice: Hello."); lines without a name serve everybody, each speaker from the first.
    Past the last line it starts over.
    """

    def __init__(self, lines: Sequence[str], *, delay_ms: float = 60.0) -> None:
        self._lines = tuple(lines)
        self._delay_ms = delay_ms

    async def start(self) -> None:
        """Nothing to load."""

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        await asyncio.sleep(self._delay_ms / 1000)
        prefix = f"{segment.speaker}: "
        own = [line.removeprefix(prefix) for line in self._lines if line.startswith(prefix)] or self._lines
        # The line is the whole utterance's; its later parts add nothing.
        return own[(segment.utterance - 1) % len(own)] if own and segment.part == 0 else ""

    async def close(self) -> None:
        """Nothing to free."""
