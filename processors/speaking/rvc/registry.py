"""Voice converters by name."""

from collections.abc import Callable

from processors.errors import SettingError
from processors.speaking.rvc.converter import VoiceConverter
from processors.speaking.rvc.effect import effect
from processors.speaking.rvc.inprocess import inprocess
from processors.speaking.rvc.settings import RvcSettings
from processors.speaking.rvc.webui import WebUiConverter
from processors.speaking.rvc.wokada import WOkadaConverter

CONVERTERS: dict[str, Callable[[RvcSettings], VoiceConverter]] = {
    "inprocess": inprocess,
    "webui": WebUiConverter,
    "w-okada": WOkadaConverter,
    "effect": effect,
}


def make_converter(settings: RvcSettings) -> VoiceConverter:
    """The converter that `RVC_MODE` names. For a persona, give `settings.of(voice)`.

    Raises:
        SettingError: no converter has that name.
    """
    try:
        make = CONVERTERS[settings.mode]
    except KeyError:
        names = ", ".join(sorted(CONVERTERS))
        raise SettingError(f"RVC_MODE is {settings.mode!r}; it must be one of: {names}") from None
    return make(settings)
