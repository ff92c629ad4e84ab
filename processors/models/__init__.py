"""Where the files of a model come from, and the proof that they are whole.

An engine asks a `ModelStore` for a model by name and gets paths, or one clear error: it never loads a file whose
checksum is wrong. `acore models` is the same store for people.
"""

from .manifest import Model, ModelFile, ResolvedModel
from .place import State
from .progress import Progress, Report, Stage
from .store import ModelStatus, ModelStore, default_folder

__all__ = [
    "Model",
    "ModelFile",
    "ModelStatus",
    "ModelStore",
    "Progress",
    "Report",
    "ResolvedModel",
    "Stage",
    "State",
    "default_folder",
]
