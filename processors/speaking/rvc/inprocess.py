"""`RVC_MODE=inprocess`: an RVC voice on this machine.

Real voices take two to three seconds per second of sound on two CPU cores: in practice this needs a GPU.
"""

from processors.speaking.rvc.local import LocalConverter
from processors.speaking.rvc.needs import need
from processors.speaking.rvc.settings import RvcSettings
from processors.speaking.rvc.streaming import WindowedVoice


def inprocess(settings: RvcSettings) -> LocalConverter:
    """A converter with all networks in this process."""
    return LocalConverter(settings, _load)


def _load(settings: RvcSettings) -> WindowedVoice:
    need("torch", "RVC_MODE=inprocess")
    from processors.speaking.rvc.voice import RvcVoice

    return RvcVoice(settings)
