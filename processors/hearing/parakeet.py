"""Parakeet (NVIDIA's FastConformer-TDT and its relatives) as an ONNX export, run by onnx-asr: no NeMo, no torch.

The model is one of the manifest (`acore models pull parakeet-tdt-0.6b-v3-int8`) or a folder with an export of one's
own. Multilingual exports find the language by themselves.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from loguru import logger

from processors.errors import EngineError, SettingError
from processors.extras import need
from processors.hearing.engines import Segment
from processors.hearing.settings import ParakeetSettings
from processors.hearing.vad import SAMPLE_RATE_HZ, Pcm
from processors.lanes import Job, Lane, Priority
from processors.models import ModelStore
from processors.onnx_sessions import providers, session_options
from processors.words import Transcript, words_of_tokens

if TYPE_CHECKING:
    from onnx_asr.adapters import TextResultsAsrAdapter

SHORTEST_SAMPLES = SAMPLE_RATE_HZ // 5
"""Of less sound the decoder makes words up, and of a single sample it fails."""

_FEATURE_MS = 10
"""A step of the features that the sound is turned into."""
_SUBSAMPLING = 8
"""How many of them the encoder makes one of, unless the export's config.json says."""

_NO_CONFIG_TYPE = "nemo-conformer-tdt"
"""What an export without a config.json is taken for."""


class ParakeetStt:
    """An ONNX export on one thread. A call decodes the whole segment; a cancelled one is forgotten.

    Transducers and CTC models tell when each word was said, at no cost.
    """

    def __init__(self, settings: ParakeetSettings, store: ModelStore) -> None:
        self._settings = settings
        self._store = store
        self._lane = Lane("parakeet")
        self._model: TextResultsAsrAdapter | None = None

    async def start(self) -> None:
        await self._lane.run(self._load)

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        if len(segment.pcm) < SHORTEST_SAMPLES:
            return ""
        return await self._lane.run(lambda job: self._decode(job, segment.pcm), priority=priority)

    async def close(self) -> None:
        await self._lane.close()
        self._model = None

    def _load(self, job: Job) -> None:
        onnx_asr = need("onnx_asr", setting="STT_ENGINE=parakeet", extra="parakeet")
        folder = model_folder(self._settings.model, self._store)
        on = providers(self._settings.device, setting="PARAKEET_DEVICE")
        quantization = choose_quantization(folder, gpu=len(on) > 1)
        # Without a type the library reads config.json; with neither it would turn to a model hub.
        kind = None if (folder / "config.json").is_file() else _NO_CONFIG_TYPE
        # Whatever the library and the runtime raise here means the same to the user: these files are no such model.
        try:
            model = onnx_asr.load_model(
                kind, folder, quantization=quantization, providers=on, sess_options=session_options()
            )
            _recognize(model, np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE_HZ).astype(np.float32))
        except Exception as error:
            raise EngineError(
                f"Parakeet could not load {folder}: {error or type(error).__name__}; PARAKEET_MODEL must be an ONNX "
                "export of a NeMo model: encoder-model.onnx, decoder_joint-model.onnx, vocab.txt, config.json"
            ) from error
        logger.info("Parakeet ready: {} ({}, {})", folder.name, quantization or "full precision", on[0])
        self._model = model

    def _decode(self, job: Job, pcm: Pcm) -> str:
        if job.cancelled:
            return ""
        if self._model is None:
            raise EngineError("Parakeet is not loaded")
        samples = np.multiply(pcm, 1 / 32768, dtype=np.float32)
        # The library's own errors and the runtime's (out of GPU memory) have no common base.
        try:
            return _recognize(self._model, samples)
        except Exception as error:
            raise EngineError(f"Parakeet failed: {error}", retryable=True) from error


def _recognize(model: "TextResultsAsrAdapter", samples: npt.NDArray[np.float32]) -> Transcript:
    """`TextResultsAsrAdapter.recognize`, which decodes the same and throws the tokens' times away. The library's own
    way to them costs a softmax over the vocabulary for each."""
    lengths = np.array([len(samples)], np.int64)
    found = next(iter(model.asr.recognize_batch(samples[np.newaxis], lengths)))
    text = found.text.strip()
    if not found.tokens or not found.timestamps:
        return Transcript(text)
    # The library scales its times by the same entry.
    token_ms = _FEATURE_MS * getattr(model.asr, "config", {}).get("subsampling_factor", _SUBSAMPLING)
    starts_ms = [1000 * start_s for start_s in found.timestamps]
    length_ms = len(samples) * 1000 / SAMPLE_RATE_HZ
    return Transcript(text, words_of_tokens(found.tokens, starts_ms, token_ms=token_ms, length_ms=length_ms))


def model_folder(model: str, store: ModelStore) -> Path:
    """The folder that `PARAKEET_MODEL` means: a model of the manifest, or a path.

    Raises:
        ModelError: it is in the manifest, but not (whole) on this machine.
        SettingError: it is neither.
    """
    if model in store.models:
        return store.resolve(model).folder
    folder = Path(model).expanduser()
    if not folder.is_dir():
        raise SettingError(
            f"PARAKEET_MODEL is {model!r}; it must be a folder with an ONNX export, or a model of `acore models list`"
        )
    return folder


def choose_quantization(folder: Path, *, gpu: bool) -> str | None:
    """Which of the sizes in an export's folder to load; None for full precision.

    A GPU is fastest with the largest, a CPU with int8.
    """
    stems = ("encoder-model", "model")
    sizes = {path.name.removeprefix(s).removesuffix(".onnx") for s in stems for path in folder.glob(f"{s}*.onnx")}
    order = ("", ".fp16", ".int8") if gpu else (".int8", "", ".fp16")
    chosen = next((size for size in order if size in sizes), "")
    return chosen.removeprefix(".") or None
