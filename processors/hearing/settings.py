"""Settings of hearing."""

from typing import Annotated

from pydantic import Field

from processors.hearing.ear import EarPolicy
from processors.hearing.plausibility import PlausibilityPolicy
from processors.setting_names import Env, SettingsGroup


class HearingSettings(SettingsGroup):
    """Speech-to-text and the ears in front of it."""

    engine: Annotated[str, Env("STT_ENGINE")] = "moonshine"
    """Speech-to-text engine: moonshine (embedded) or scripted (tests and benchmarks: says what it is told)."""
    max_speakers: int = Field(default=8, ge=1, le=64)
    """People heard at once in one room. Others are counted and reported, not transcribed."""
    timeout_s: float = Field(default=15.0, gt=0, le=600)
    """How long (s) a transcript may take before the utterance counts as not understood."""
    ear: EarPolicy = EarPolicy()
    """How speech is told from its absence."""
    plausibility: PlausibilityPolicy = PlausibilityPolicy()
    """When a transcript is not believed."""
    scripted_lines: tuple[str, ...] = ("Hello there.", "What can you do?", "Tell me a story.", "Thank you, goodbye.")
    """What the scripted engine hears, utterance by utterance. "Alice: Hello." is heard from Alice only."""
    scripted_delay_ms: float = Field(default=60.0, ge=0, le=10000)
    """How long (ms) the scripted engine takes."""
