"""Libraries of optional engines, imported only when a setting asks for them."""

import importlib
from types import ModuleType

from processors.errors import EngineError


def need(module: str, *, setting: str, extra: str) -> ModuleType:
    """Import a library that the default installation does not have.

    Args:
        setting: what asked for it, such as `STT_ENGINE=parakeet`, for the message.
        extra: the extra of this package that brings it.

    Raises:
        EngineError: it is not installed, or does not load here.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:
        raise EngineError(
            f"{setting} needs {module}, which cannot be imported ({error}); run: pip install 'acore[{extra}]'"
        ) from error
