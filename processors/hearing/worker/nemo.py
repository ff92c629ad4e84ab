"""The NeMo worker: `python -m processors.hearing.worker.nemo MODEL DEVICE`.

MODEL is a .nemo file or a name NeMo knows, DEVICE is auto, cpu or cuda.

An utterance that grows is not decoded from its beginning each time it is asked for. Transducers (RNN-T, TDT) are
decoded in chunks between a left and a right context; what a chunk said stays, and the next request goes on behind it.
They also tell when each word was said. Of other models NeMo knows it only in a mode of its own, which is not used.
"""

import sys
from collections import OrderedDict
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from processors.hearing.worker.loop import Transcribe, serve
from processors.words import Transcript, words_of_tokens

SAMPLE_RATE_HZ = 16000
_ERRORS = 40
_LEFT_S, _CHUNK_S, _RIGHT_S = 10.0, 1.92, 1.92
"""NVIDIA's contexts for offline models; what is shorter than a chunk and its right context is decoded whole."""
_SHORTEST = SAMPLE_RATE_HZ
"""Samples that less is filled up to, as NeMo itself does: these models have learned from longer stretches."""
_MOST_GROWING = 16

Samples = npt.NDArray[np.float32]


@dataclass(slots=True)
class _Growing:
    """What is settled of one utterance."""

    sound: Samples = field(default_factory=lambda: np.empty(0, np.float32))
    settled: int = 0
    """Samples whose words stay."""
    tokens: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    """The encoder's step, from the sound's beginning, at which each of them was recognised."""
    state: Any = None
    """The decoder's, behind them."""


class ChunkedTranscriber:
    """A transducer decoded chunk by chunk, with the state of a few growing utterances."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._torch = import_module("torch")
        self._decode = model.decoding.decoding.decoding_computer
        hop = int(model.cfg.preprocessor.window_stride * SAMPLE_RATE_HZ)
        self._frame = hop * int(model.encoder.subsampling_factor)
        """Samples of one step of the encoder."""
        self._left, self._chunk, self._right = (
            int(seconds * SAMPLE_RATE_HZ) // self._frame * self._frame for seconds in (_LEFT_S, _CHUNK_S, _RIGHT_S)
        )
        self._growing: OrderedDict[str, _Growing] = OrderedDict()

    def transcribe(self, stream: str, sound: Samples) -> str:
        """The words of `sound`, which goes on from what was asked for `stream` before, or begins it anew."""
        length_ms = len(sound) * 1000 / SAMPLE_RATE_HZ
        sound = np.pad(sound, (0, max(0, _SHORTEST - len(sound))))
        utterance = self._of(stream, sound)
        with self._torch.inference_mode():
            while utterance.settled + self._chunk + self._right < len(sound):
                end = utterance.settled + self._chunk
                tokens, steps, utterance.state = self._window(utterance, end, end + self._right)
                utterance.tokens += tokens
                utterance.steps += steps
                utterance.settled = end
            # The rest, for now: what comes may change it.
            tokens, steps, _ = self._window(utterance, len(sound), len(sound))
        return self._transcript([*utterance.tokens, *tokens], [*utterance.steps, *steps], length_ms)

    def _transcript(self, tokens: list[int], steps: list[int], length_ms: float) -> Transcript:
        step_ms = self._frame * 1000 / SAMPLE_RATE_HZ
        pieces = [piece.replace("\u2581", " ") for piece in self._model.tokenizer.ids_to_tokens(tokens)]
        words = words_of_tokens(pieces, [step * step_ms for step in steps], token_ms=step_ms, length_ms=length_ms)
        return Transcript(self._model.tokenizer.ids_to_text(tokens).strip(), words)

    def _of(self, stream: str, sound: Samples) -> _Growing:
        known = self._growing.pop(stream, None)
        if known is None or not np.array_equal(known.sound[: known.settled], sound[: known.settled]):
            known = _Growing()
        known.sound = sound
        self._growing[stream] = known
        while len(self._growing) > _MOST_GROWING:
            self._growing.popitem(last=False)
        return known

    def _window(self, utterance: _Growing, end: int, heard: int) -> tuple[list[int], list[int], Any]:
        """Tokens between what is settled and `end`, judged by the sound up to `heard`; the step of each; and the
        decoder's state then."""
        begin = max(0, utterance.settled - self._left)
        torch, device = self._torch, self._model.device
        signal = torch.from_numpy(utterance.sound[begin:heard]).unsqueeze(0).to(device)
        length = torch.tensor([signal.shape[1]], device=device)
        encoded, frames = self._model(input_signal=signal, input_signal_length=length)
        first = (utterance.settled - begin) // self._frame
        wanted = frames - first if end == heard else torch.full_like(frames, (end - utterance.settled) // self._frame)
        found, *_, state = self._decode(
            x=encoded.transpose(1, 2)[:, first:], out_len=wanted.clamp(min=0), prev_batched_state=utterance.state
        )
        count = int(found.current_lengths[0])
        # It counts on over the windows whose state it was given.
        return found.transcript[0, :count].tolist(), found.timestamps[0, :count].tolist(), state


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
    transcribe, how = whole(model), "whole"
    if hasattr(getattr(getattr(model, "decoding", None), "decoding", None), "decoding_computer"):
        # Of a stretch that is cut out of an utterance the sound must be judged by itself.
        model.preprocessor.featurizer.dither, model.preprocessor.featurizer.pad_to = 0.0, 0
        transcribe, how = in_chunks(ChunkedTranscriber(model)), "in chunks"
    transcribe("", np.random.default_rng(0).normal(0, 300, SAMPLE_RATE_HZ).astype("<i2").tobytes())
    return f"{Path(model_name).name}, {device}, {how}", transcribe


def in_chunks(chunked: ChunkedTranscriber) -> Transcribe:
    """Decoding that goes on where it was."""
    return lambda stream, sound: chunked.transcribe(stream, _samples(sound))


def whole(model: Any) -> Transcribe:
    """Decoding from the beginning, which every model of NeMo can."""
    torch = import_module("torch")

    def transcribe(stream: str, sound: bytes) -> str:
        with torch.inference_mode():
            found = model.transcribe([_samples(sound)], batch_size=1, num_workers=0, verbose=False)[0]
        return (found if isinstance(found, str) else found.text).strip()

    return transcribe


def _samples(sound: bytes) -> Samples:
    return np.multiply(np.frombuffer(sound, "<i2"), 1 / 32768, dtype=np.float32)


if __name__ == "__main__":
    sys.exit(serve(lambda: load(sys.argv[1], sys.argv[2])))
