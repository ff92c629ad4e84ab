"""What is known of a place where a voice stops: as the corpus has it, and as the product heard it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from bench.corpus.manifest import Kind
from processors.hearing.vad import WINDOW_MS


@dataclass(frozen=True, slots=True)
class TakenLook:
    """One look of the turn-end detector."""

    completeness: float
    """How finished (0-1) it found the turn."""
    began_ms: float
    """When it was taken, from the beginning of the stop."""
    took_ms: float
    """How long it took, by the wall's clock."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch of silence as the product heard it. Milliseconds from the beginning of the stop it belongs to.

    The detector speaks in windows of 32 ms; window k of the stretch ends at `noticed_ms` + 32 k.
    """

    stopped_ms: float
    """The last voiced sample, as the ear found it: its silence is counted from here."""
    noticed_ms: float
    """End of the first window that the detector found silent."""
    windows: int
    """How many windows it found silent in a row."""
    voiced_ms: float | None
    """End of the first window of voice behind them; None when there was none."""
    stirring: tuple[int, ...]
    """Windows in which something seemed to begin."""
    text: str
    """The words up to here; empty when there were none, or it was too short for anybody to ask."""
    looks: tuple[TakenLook, ...]
    judged_ms: float | None
    """When the verdict of the last look was due: enough had been heard and it was wanted. None when the silence was too
    short for it."""
    late_ms: float = 0.0
    """How much later the verdict was there, by the time that the looks took on this machine."""

    @property
    def completeness(self) -> float | None:
        """How finished (0-1) it sounds, by the look that counts; None without a verdict."""
        return self.looks[-1].completeness if self.looks and self.judged_ms is not None else None

    def at_ms(self, window: int) -> float:
        """When a window of it ends."""
        return self.noticed_ms + window * WINDOW_MS

    def silence_ms(self, window: int) -> int:
        """How long the silence was by the end of a window, as the ear counts it."""
        return max(1, round(self.at_ms(window) - self.stopped_ms))


@dataclass(frozen=True, slots=True)
class Stop:
    """A place where the voice stops: the true end of a turn, or a pause in it."""

    turn: str
    kind: Kind
    human: bool
    """Said by a person; the others are synthetic voices."""
    end: bool
    """The end of the turn; else a pause."""
    natural: bool
    """The speaker's own; the others were put in."""
    at_ms: float
    """Where in the turn's sound it begins."""
    pause_ms: float | None
    """Length of the pause; None for an end."""
    until_ms: float | None
    """When the next stop of the turn begins; None for an end."""
    silences: tuple[Silence, ...]
    """What was heard of it, in order; empty when the detector noticed no silence. One in which it noticed nothing of
    the voice between two stops is there at both."""

    @property
    def noticed_ms(self) -> float | None:
        """When the detector noticed that the voice had stopped; None when it did not."""
        return self.silences[0].noticed_ms if self.silences else None

    @property
    def judged(self) -> Silence | None:
        """The first silence of it that was judged."""
        return next((one for one in self.silences if one.completeness is not None), None)

    def to_json(self) -> dict:
        """As plain values."""
        return {**asdict(self), "noticed_ms": self.noticed_ms}


def area_under_roc(stops: Iterable[Stop]) -> float | None:
    """How well the completeness tells ends from pauses: the chance (0-1) that an end, picked at random, sounds more
    finished than a pause. 0.5 is guessing. Over the stops that were judged; None when either kind is missing."""
    judged = [(one.end, one.judged.completeness or 0.0) for one in stops if one.judged]
    ends = [completeness for end, completeness in judged if end]
    pauses = [completeness for end, completeness in judged if not end]
    if not ends or not pauses:
        return None
    won = sum((end > pause) + 0.5 * (end == pause) for end in ends for pause in pauses)
    return won / (len(ends) * len(pauses))
