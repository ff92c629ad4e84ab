"""When the unconverted voice is spoken. Pure: time arrives as figures, nothing waits.

Speech must not stop because its disguise fails. A clause whose conversion fails or misses its deadline is spoken as it
was synthesised; after a run of such clauses conversion rests, and is tried again on one clause at a time.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from pydantic import Field

from processors.setting_names import SettingsGroup


class FallbackPolicy(SettingsGroup):
    """How much trouble voice conversion may make."""

    max_rtf: float = Field(default=1.0, gt=0, le=10)
    """Conversion time per second of sound above which it has fallen behind real time."""
    grace_s: float = Field(default=0.5, ge=0, le=10)
    """Time (s) any clause may take on top, whatever its length."""
    tolerate: int = Field(default=2, ge=1, le=100)
    """Clauses in a row that may fail or be late before conversion rests."""
    rest_clauses: int = Field(default=10, ge=1, le=10_000)
    """Clauses spoken unconverted before one is converted again as a probe."""


class Outcome(StrEnum):
    """What came of converting one clause."""

    CONVERTED = "converted"
    FAILED = "failed"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Counts:
    """Clauses since the start, for metrics."""

    converted: int = 0
    failed: int = 0
    late: int = 0
    rested: int = 0
    """Clauses spoken unconverted without trying."""

    @property
    def unconverted(self) -> int:
        """Clauses not spoken in the converted voice from beginning to end."""
        return self.failed + self.late + self.rested


@dataclass(frozen=True, slots=True)
class FallingBack:
    """Where a voice stands between its converted and its own sound."""

    troubled: int = 0
    """Clauses in a row that failed or were late."""
    resting: int = 0
    """Clauses still to be spoken unconverted before the next probe."""
    counts: Counts = field(default_factory=Counts)

    @property
    def converts(self) -> bool:
        """Whether the next clause is to be converted. If not, call `rested` and speak it as it is."""
        return self.resting == 0

    def rested(self) -> "FallingBack":
        """A clause was spoken unconverted because `converts` said so."""
        counts = replace(self.counts, rested=self.counts.rested + 1)
        return replace(self, resting=max(0, self.resting - 1), counts=counts)

    def after(self, outcome: Outcome, policy: FallbackPolicy) -> "FallingBack":
        """A clause was tried. A failed one is spoken unconverted; a late one from where its sound ran out."""
        tried = {outcome.value: getattr(self.counts, outcome.value) + 1}
        counts = replace(self.counts, **tried)
        if outcome is Outcome.CONVERTED:
            return FallingBack(counts=counts)
        troubled = self.troubled + 1
        return FallingBack(troubled, policy.rest_clauses if troubled >= policy.tolerate else 0, counts)


def deadline_s(audio_s: float, policy: FallbackPolicy) -> float:
    """Longest time (s) the conversion of a clause of `audio_s` may take before it is given up as late."""
    return audio_s * policy.max_rtf + policy.grace_s


def judged(audio_s: float, took_s: float, policy: FallbackPolicy) -> Outcome:
    """Whether a conversion that succeeded did so in time."""
    return Outcome.CONVERTED if took_s <= deadline_s(audio_s, policy) else Outcome.LATE
