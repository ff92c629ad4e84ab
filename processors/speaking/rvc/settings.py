"""Settings of voice conversion."""

from typing import Annotated, Literal

from pydantic import Field

from personas.voice import RvcVoice
from processors.setting_names import Env, SettingsGroup
from processors.speaking.rvc.fallback import FallbackPolicy


class RvcSettings(SettingsGroup):
    """Turns the synthesised voice into another one."""

    enabled: bool = False
    """Whether the voice is converted at all."""
    mode: str = "inprocess"
    """inprocess (an RVC v1/v2 .pth, needs the rvc extra and in practice a GPU), webui (an RVC-WebUI server), w-okada (a
    voice-changer server) or effect (pitch and formant shift, no model)."""

    model: str = ""
    """inprocess: path of the voice, a .pth. webui: its name in the server's list, such as alice.pth."""
    index: str = ""
    """Path of the faiss index trained with the voice (webui: on the server). Empty: none."""
    speaker: int = Field(default=0, ge=0)
    """Speaker within the model."""
    pitch: float = Field(default=0.0, ge=-24, le=24)
    """Semitones the voice is moved up (negative: down)."""
    formant: float = Field(default=1.0, ge=0.5, le=2.0)
    """effect: vocal tract scale; above 1 sounds smaller, below 1 larger."""
    index_rate: float = Field(default=0.75, ge=0, le=1)
    """Share of the index's nearest features in what is sounded."""
    protect: float = Field(default=0.33, ge=0, le=0.5)
    """Share of the index that consonants and breaths keep; 0.5 treats them like vowels."""

    hubert: str = ""
    """inprocess: folder of a HuBERT/ContentVec model in transformers format (config.json, model.safetensors)."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """inprocess: where the networks run. auto takes a GPU if there is one."""
    seed: int | None = 1
    """inprocess: seed of the networks' noise. None sounds without any: every run is the same, and a little duller."""
    block_ms: int = Field(default=500, ge=100, le=10_000, multiple_of=10)
    """Sound (ms) collected before the first block of a clause is converted."""
    context_ms: int = Field(default=2000, ge=0, le=10_000, multiple_of=10)
    """Sound (ms) before a block that is heard again while converting it."""
    lookahead_ms: int = Field(default=240, ge=0, le=2000, multiple_of=10)
    """Sound (ms) after a block that is heard while converting it."""

    url: Annotated[str, Env("RVC_WEBUI_URL")] = ""
    """webui, w-okada: address of the server, such as http://127.0.0.1:7865."""
    timeout_s: float = Field(default=10.0, gt=0, le=120)
    """webui, w-okada: longest time (s) one request may take."""
    f0_method: str = "rmvpe"
    """webui: how the server tracks pitch: rmvpe, crepe, harvest or pm."""

    fallback: FallbackPolicy = FallbackPolicy()
    """When the unconverted voice is spoken instead."""

    def of(self, voice: RvcVoice) -> "RvcSettings":
        """These settings with what a persona sets for itself."""
        return self.model_copy(update=voice.model_dump(exclude_none=True))
