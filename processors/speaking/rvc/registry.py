"""Voice converters by name. What talks to a server is imported when it is chosen."""

from collections.abc import Callable

from processors.errors import SettingError
from processors.speaking.rvc.converter import VoiceConverter
from processors.speaking.rvc.effect import effect
from processors.speaking.rvc.inprocess import inprocess
from processors.speaking.rvc.settings import RvcSettings


def _webui(settings: RvcSettings) -> VoiceConverter:
    from processors.speaking.rvc.webui import WebUiConverter

    return WebUiConverter(settings)


def _w_okada(settings: RvcSettings) -> VoiceConverter:
    from processors.speaking.rvc.wokada import WOkadaConverter

    return WOkadaConverter(settings)


CONVERTERS: dict[str, Callable[[RvcSettings], VoiceConverter]] = {
    "inprocess": inprocess,
    "webui": _webui,
    "w-okada": _w_okada,
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
