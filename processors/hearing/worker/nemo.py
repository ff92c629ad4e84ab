"""The NeMo worker: `python -m processors.hearing.worker.nemo MODEL DEVICE`.

MODEL is a .nemo file or a name NeMo knows, DEVICE is auto, cpu or cuda.
"""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np

from processors.hearing.worker.loop import Transcribe, serve

SAMPLE_RATE_HZ = 16000
_ERRORS = 40


def load(model_name: str, device: str) -> tuple[str, Transcribe]:
    """Load a model and have it transcribe a second of noise.

    Raises:
        Exception: whatever NeMo raises on a file or name that is no model, or torch without the device.
    """
    # By name: type checkers know neither where this package is not installed.
    nemo_asr, torch = import_module("nemo.collections.asr"), import_module("torch")
    import_module("nemo.utils").logging.setLevel(_ERRORS)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kind = nemo_asr.models.ASRModel
    if model_name.endswith(".nemo"):
        if not Path(model_name).is_file():
            raise FileNotFoundError(f"there is no file {model_name}")
        model = kind.restore_from(model_name, map_location=device)
    else:
        model = kind.from_pretrained(model_name, map_location=device)
    model.eval()

    def transcribe(sound: bytes) -> str:
        samples = np.multiply(np.frombuffer(sound, "<i2"), 1 / 32768, dtype=np.float32)
        with torch.inference_mode():
            found = model.transcribe([samples], batch_size=1, num_workers=0, verbose=False)[0]
        return (found if isinstance(found, str) else found.text).strip()

    transcribe(np.random.default_rng(0).normal(0, 300, SAMPLE_RATE_HZ).astype("<i2").tobytes())
    return f"{Path(model_name).name}, {device}", transcribe


if __name__ == "__main__":
    sys.exit(serve(lambda: load(sys.argv[1], sys.argv[2])))
