"""Settings of the bot's voice."""

from typing import Annotated

from pydantic import Field

from processors.setting_names import Env, SettingsGroup
from processors.speaking.clauses import ClausePolicy


class SpeakingSettings(SettingsGroup):
    """Text-to-speech and how a reply is cut for it."""

    engine: Annotated[str, Env("TTS_ENGINE")] = "hibari"
    """Text-to-speech engine: hibari (embedded) or scripted (tests and benchmarks: tones)."""
    clauses: ClausePolicy = ClausePolicy()
    """Where a reply may be cut."""
    pause_ms: int = Field(default=140, ge=0, le=2000)
    """Silence (ms) kept at the end of a clause."""
    timeout_s: float = Field(default=10.0, gt=0, le=600)
    """How long (s) a clause may take to be spoken before the reply is given up."""
    scripted_first_audio_ms: float = Field(default=25.0, ge=0, le=60000)
    """How long (ms) the scripted engine takes for a clause."""
