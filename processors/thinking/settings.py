"""Settings of the thinking model."""

from pydantic import Field

from processors.setting_names import SettingsGroup


class ThinkingSettings(SettingsGroup):
    """The small, quick model that decides beside the language model; without one, simple rules decide."""

    provider: str = ""
    """Its provider, such as ollama; empty for that of LLM_PROVIDER if THINKING_MODEL is set, and otherwise no model."""
    model: str = ""
    """The thinking model; empty for the provider's own."""
    decide_ms: int = Field(default=350, ge=20, le=10000)
    """How long (ms) a yes or no may take, such as whether the bot is spoken to; then the rules' answer holds. Keep it
    below TURNS_COMPLETE_MS - TURNS_EAGER_MS + TURNS_GATE_DEADLINE_MS, after which the turn is answered unasked."""
    classify_ms: int = Field(default=600, ge=20, le=10000)
    """How long (ms) a choice among a few may take."""
    generate_ms: int = Field(default=4000, ge=20, le=60000)
    """How long (ms) a short text may take."""
    extract_ms: int = Field(default=30000, ge=20, le=600000)
    """How long (ms) notes on a talk may take. They are made for memory, while nobody waits for them."""
    tolerate: int = Field(default=2, ge=1, le=100)
    """Failures in a row after which the thinking model is rested and the rules decide at once."""
    rest_s: float = Field(default=30.0, gt=0, le=86400)
    """First rest (s) of a failing thinking model; each failed attempt after it doubles the next."""
    longest_rest_s: float = Field(default=600.0, gt=0, le=86400)
    """Longest rest (s) of a failing thinking model."""
