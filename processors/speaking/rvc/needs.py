"""Libraries that only some conversions need, imported when they are."""

import importlib
from types import ModuleType

from processors.errors import EngineError


def need(module: str, setting: str) -> ModuleType:
    """Import a library of the `rvc` extra.

    Args:
        setting: the setting that asked for it, for the message.

    Raises:
        EngineError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EngineError(
            f"{setting} needs {module}, which is not installed ({error}); run: pip install 'acore[rvc]'"
        ) from error
