"""When a talk is summed up."""

from typing import Annotated

from pydantic import Field

from processors.setting_names import Env, SettingsGroup


class SummarySettings(SettingsGroup):
    """Talks in a few sentences, of which the latest stand before a reply."""

    enabled: Annotated[bool, Env("CONVERSATION_SUMMARIZATION_ENABLED")] = True
    """Sum talks up, in the background. The thinking model writes; without one, telling sentences are quoted."""
    every: int = Field(default=30, ge=4, le=500)
    """After so many messages of a place."""
    idle_min: float = Field(default=20, gt=0)
    """Or after a pause of so many minutes."""
    least: int = Field(default=6, ge=2, le=500)
    """Of fewer messages nothing is worth summing up."""
