"""Settings of the characters as a company: who is there, and how they stand to people and to each other."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from personas.behaviour import BehaviourSettings, Kind
from personas.lorebooks import LoreSettings
from personas.relationships import BondSettings
from personas.router import RouterSettings
from processors.setting_names import SettingsGroup

ImportBy = Literal["auto", "owner", "managers"]
"""Who may import characters by command."""


class BehaviourDefaults(BehaviourSettings, frozen=True, extra="forbid"):
    """How lively characters are whose cards do not say."""


class CastSettings(SettingsGroup):
    """The characters of the bot, together."""

    folder: Path | None = None
    """Folder of imported characters; empty for `characters` in the data folder."""
    import_by: ImportBy = "auto"
    """Who may import characters by command, for every server the bot is in: "owner" of the bot (in the developer
    portal; of a team's, its members), "managers" of any server (Manage Server), or "auto": managers while the bot is in
    one server only, its owner when it is in several."""
    import_folder: Path | None = None
    """The only folder of cards that `/import_folder` reads; empty to forbid it."""
    books: Path | None = None
    """Folder of lorebooks (JSON) that every character knows; empty for none."""
    present: tuple[str, ...] = ()
    """Characters that share what is meant for nobody by name, until one is chosen; empty for PERSONA_CHARACTER."""
    come_when_called: bool = True
    """Whether a character that is not present in a channel answers there when its name is called."""
    ambient_channels: tuple[int, ...] = ()
    """Ids of channels where characters may speak unasked, besides those where `/ambient` allowed it."""
    off: tuple[Kind, ...] = ()
    """What no character does unasked: reaction, proactive, curiosity, ambient, voice_join."""
    session_s: float = Field(default=900.0, ge=10, le=86400)
    """Silence (s) after which what `/chat` began is over."""
    router: RouterSettings = RouterSettings()
    """How messages find their character."""
    bonds: BondSettings = BondSettings()
    """How bonds grow and fade."""
    lore: LoreSettings = LoreSettings()
    """How lorebooks are searched."""
    lore_likeness: float = Field(default=0.0, ge=0, le=1)
    """How near (cosine; 0.3 is a good value) in meaning to what was said a lore entry marked `vectorized` must be to
    be called without its keys. Needs memory with MEMORY_RECALL_VECTORS.
    0: by keys alone."""
    behaviour: BehaviourDefaults = BehaviourDefaults()
    """How lively characters are."""
