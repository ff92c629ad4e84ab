"""How ONNX models are run: on which device, and without threads that spin while the conversation needs the cores."""

from typing import Literal

from processors.errors import SettingError

Device = Literal["auto", "cpu", "cuda"]

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"


def providers(device: Device, *, setting: str) -> list[str]:
    """ONNX Runtime's execution providers for a device, best first. `auto` takes a GPU if this build of it can.

    Raises:
        SettingError: `cuda` is asked for, and the installed ONNX Runtime has no CUDA.
    """
    if device == "cpu":
        return [_CPU]
    import onnxruntime

    if _CUDA in onnxruntime.get_available_providers():
        return [_CUDA, _CPU]
    if device == "cuda":
        raise SettingError(
            f"{setting} is 'cuda', but the installed onnxruntime cannot use a GPU; "
            f"run: pip install onnxruntime-gpu (or set {setting} to auto)"
        )
    return [_CPU]


def session_options():
    """Options for every model: worker threads sleep between calls instead of spinning."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Its warnings are about graph optimisation, of no use to who runs the bot.
    options.log_severity_level = 3
    return options
