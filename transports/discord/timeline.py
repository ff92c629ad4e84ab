"""One speaker's audio against the wall clock.

Discord clients stop sending when their user stops talking. Whoever waits downstream for 200 ms of silence would wait
for ever, so silence is made up: twenty milliseconds of it for every twenty milliseconds without a packet. Pure.
"""

import math
from dataclasses import dataclass

FRAME_S = 0.02


@dataclass(slots=True)
class Timeline:
    """Says how many frames of silence are due. Begins with the speaker's first packet."""

    due_s: float
    """When the next frame is due. Ahead of the clock after a burst, so a burst is never followed by a gap."""
    last_packet_s: float
    quiet: bool = False
    """The speaker is known to be silent: frames are made up as they fall due, without patience for late packets."""

    def advance(self, now_s: float, frames: int) -> None:
        """Real audio of `frames` frames was handed on at `now_s`."""
        self.due_s = max(self.due_s, now_s) + frames * FRAME_S
        self.last_packet_s = now_s
        self.quiet = False

    def silence_due(self, now_s: float, patience_s: float) -> int:
        """Frames of silence to hand on at `now_s`; they count as handed on."""
        if now_s < self.next_silence_s(patience_s):
            return 0
        self.quiet = True
        frames = 1 + math.floor((now_s - self.due_s) / FRAME_S)
        self.due_s += frames * FRAME_S
        return frames

    def next_silence_s(self, patience_s: float) -> float:
        """When `silence_due` next has something to give, if no packet comes."""
        return self.due_s if self.quiet else self.due_s + patience_s
