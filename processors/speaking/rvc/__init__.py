"""Voice conversion: the bot's voice turned into another one, after text-to-speech and before it is spoken.

Four kinds, chosen by `RVC_MODE`: an RVC v1/v2 voice in this process (extra `rvc`, in practice on a GPU), an RVC-WebUI
server, a w-okada server, and a pitch and formant effect that needs no model. All of them are a `VoiceConverter`; a
reply goes through a `ConversionSession`. When conversion fails or falls behind, `FallingBack` says to speak
unconverted. Nothing heavy is imported before a converter is started.
"""

from processors.speaking.rvc.converter import Audio, ConversionSession, Sound, VoiceConverter
from processors.speaking.rvc.fallback import Counts, FallbackPolicy, FallingBack, Outcome, deadline_s, judged
from processors.speaking.rvc.registry import CONVERTERS, make_converter
from processors.speaking.rvc.settings import RvcSettings

__all__ = [
    "CONVERTERS",
    "Audio",
    "ConversionSession",
    "Counts",
    "FallbackPolicy",
    "FallingBack",
    "Outcome",
    "RvcSettings",
    "Sound",
    "VoiceConverter",
    "deadline_s",
    "judged",
    "make_converter",
]
