"""Voice activity: the probability that a 32 ms window holds speech."""

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16000
WINDOW_SAMPLES = 512
WINDOW_MS = 32

Pcm = npt.NDArray[np.int16]
"""Mono int16 samples at 16 kHz, unless said otherwise."""


class VoiceActivityDetector(Protocol):
    """Judges one speaker's windows in order; it may remember earlier ones."""

    def probability(self, window: Pcm) -> float:
        """Probability (0-1) that `window` (512 samples, 16 kHz mono int16) holds speech."""
        ...

    def reset(self) -> None:
        """Forget what was heard before."""
        ...


class SileroSession:
    """Silero VAD's ONNX graph (the one inside Pipecat), loaded once and shared by all speakers.

    A call takes 0.15 ms, less than handing it to a thread would; it runs on the event loop.
    """

    def __init__(self) -> None:
        import onnxruntime
        import pipecat.audio.vad

        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        model = Path(pipecat.audio.vad.__path__[0]) / "data" / "silero_vad.onnx"
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def detector(self) -> "SileroVad":
        """A detector for one more speaker."""
        return SileroVad(self)

    def run(
        self, samples: npt.NDArray[np.float32], state: npt.NDArray[np.float32]
    ) -> tuple[float, npt.NDArray[np.float32]]:
        """One step of the recurrent graph: (1, 576) samples and (2, 1, 128) state to probability and next state."""
        probability, next_state = self._session.run(
            None, {"input": samples, "state": state, "sr": np.array(SAMPLE_RATE_HZ, np.int64)}
        )
        return float(np.asarray(probability)[0, 0]), np.asarray(next_state)


class SileroVad:
    """One speaker's view of a `SileroSession`."""

    _CONTEXT_SAMPLES = 64
    """The graph expects the end of the previous window in front of each one."""

    def __init__(self, session: SileroSession) -> None:
        self._session = session
        self.reset()

    def reset(self) -> None:
        self._state = np.zeros((2, 1, 128), np.float32)
        self._samples = np.zeros((1, self._CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)

    def probability(self, window: Pcm) -> float:
        self._samples[0, : self._CONTEXT_SAMPLES] = self._samples[0, -self._CONTEXT_SAMPLES :]
        np.multiply(window, 1 / 32768, out=self._samples[0, self._CONTEXT_SAMPLES :], casting="unsafe")
        probability, self._state = self._session.run(self._samples, self._state)
        return probability
