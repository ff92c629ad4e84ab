"""Putting one stream's packets back in order without making anybody wait for a network that behaves.

A packet that is next in line leaves at once. When one is missing, those after it are held until it arrives, until
`hold_s` has passed, or until `hold_packets` are waiting - whichever is first; then the hole is declared lost and the
held packets leave. The loss is reported with the packet after it, whose in-band FEC may contain the lost frame.

Pure: time arrives as an argument, nothing is decoded here.
"""

from dataclasses import dataclass, field

from transports.discord.rtp import sequence_distance

_RESTART_DISTANCE = 64
"""A jump this large (1.3 s) is a sender that started over, not loss."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A payload whose turn it is."""

    sequence: int
    payload: bytes
    arrived_ns: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A frame that never came; `after` is the payload that follows it, for forward error correction."""

    sequence: int
    after: bytes | None
    arrived_ns: int


Released = Packet | Lost


@dataclass(slots=True)
class JitterStats:
    """Counts of one stream since it began."""

    received: int = 0
    lost: int = 0
    late: int = 0
    """Came after their place was given up, or twice."""
    reordered: int = 0
    """Came out of order, but in time."""
    restarts: int = 0


@dataclass(slots=True)
class JitterBuffer:
    """The reorder buffer of one SSRC."""

    hold_s: float = 0.06
    hold_packets: int = 4
    stats: JitterStats = field(default_factory=JitterStats)
    _next: int | None = None
    _held: dict[int, Packet] = field(default_factory=dict)
    _gap_since_s: float = 0.0

    @property
    def deadline_s(self) -> float | None:
        """When `poll` will give up a hole; None while nothing is held."""
        return self._gap_since_s + self.hold_s if self._held else None

    def stale(self, sequence: int) -> bool:
        """Whether a packet came too late or was here before; `push` would ignore it."""
        if self._next is None:
            return False
        distance = sequence_distance(sequence, self._next)
        return -_RESTART_DISTANCE < distance < 0 or sequence in self._held

    def push(self, packet: Packet, now_s: float) -> list[Released]:
        """Take one packet; return what may be played now, in order."""
        self.stats.received += 1
        if self._next is None:
            self._next = packet.sequence
        distance = sequence_distance(packet.sequence, self._next)
        if abs(distance) >= _RESTART_DISTANCE:
            self.stats.restarts += 1
            released: list[Released] = list(self._in_order_held())
            self._held.clear()
            self._next = (packet.sequence + 1) & 0xFFFF
            return [*released, packet]
        if self.stale(packet.sequence):
            self.stats.late += 1
            return []
        if distance > 0:
            if not self._held:
                self._gap_since_s = now_s
            self._held[packet.sequence] = packet
            if len(self._held) < self.hold_packets and now_s < self._gap_since_s + self.hold_s:
                return []
            return self._give_up(now_s)
        if self._held:
            self.stats.reordered += 1
        self._next = (packet.sequence + 1) & 0xFFFF
        return [packet, *self._drain(now_s)]

    def poll(self, now_s: float) -> list[Released]:
        """Give up a hole whose time has run out; return what may be played."""
        if self._held and now_s >= self._gap_since_s + self.hold_s:
            return self._give_up(now_s)
        return []

    def _drain(self, now_s: float) -> list[Released]:
        """What has become next in line. A hole further on starts its own waiting time."""
        out: list[Released] = []
        assert self._next is not None
        while (packet := self._held.pop(self._next, None)) is not None:
            out.append(packet)
            self._next = (self._next + 1) & 0xFFFF
        if out:
            self._gap_since_s = now_s
        return out

    def _give_up(self, now_s: float) -> list[Released]:
        """Declare the first hole lost and release what follows it."""
        assert self._next is not None
        first = min(self._held.values(), key=self._distance)
        hole = self._distance(first)
        self.stats.lost += hole
        lost: list[Released] = [
            Lost((self._next + i) & 0xFFFF, first.payload if i == hole - 1 else None, first.arrived_ns)
            for i in range(hole)
        ]
        self._next = first.sequence
        return lost + self._drain(now_s)

    def _in_order_held(self) -> list[Packet]:
        return sorted(self._held.values(), key=self._distance)

    def _distance(self, packet: Packet) -> int:
        assert self._next is not None
        return sequence_distance(packet.sequence, self._next)
