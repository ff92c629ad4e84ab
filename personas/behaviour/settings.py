"""How lively a character is. A card sets these under `extensions.acore.behaviour`."""

from pydantic import BaseModel, Field

from personas.behaviour.mood_names import Mood


class BehaviourSettings(BaseModel, frozen=True, use_attribute_docstrings=True):
    """How often a character does something unbidden, and how it feels."""

    reactions: float = Field(default=0.15, ge=0, le=1)
    """Chance of an emoji under a message that gives a reason for one."""
    proactive: float = Field(default=0.3, ge=0, le=1)
    """Chance of wanting to join a conversation about one of its topics."""
    proactive_cooldown_s: float = Field(default=180.0, ge=0)
    """Least time (s) between two things it says unbidden in one channel."""
    curiosity: float = Field(default=0.25, ge=0, le=1)
    """Chance of wanting to ask about something someone tells."""
    curiosity_per_5_min: int = Field(default=1, ge=0)
    """Most such questions in five minutes."""
    curiosity_per_15_min: int = Field(default=3, ge=0)
    """Most such questions in fifteen minutes."""
    ambient: float = Field(default=0.1, ge=0, le=1)
    """Chance, each quiet minute of a lull, of wanting to say something."""
    ambient_after_s: float = Field(default=900.0, ge=60)
    """Silence (s) that counts as a lull; after four times as long the room counts as empty."""
    voice_joins: float = Field(default=0.5, ge=0, le=1)
    """Chance of wanting to greet someone who joins the voice channel."""
    mood: Mood = Mood.CALM
    """The mood it returns to."""
    mood_decay_min: float = Field(default=30.0, gt=0)
    """Minutes in which a feeling loses half its strength."""
    contagion: float = Field(default=0.5, ge=0, le=1)
    """How much of others' feelings it takes on."""
    adaptive_timing: bool = True
    """Answer at the channel's own pace, rather than always at once, when not spoken to directly."""
    evolves: bool = True
    """Whether it grows familiar with its people as the milestones pass."""
