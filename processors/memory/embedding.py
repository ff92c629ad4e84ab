"""The meaning of a text as 384 numbers: all-MiniLM-L6-v2 (int8, ONNX), on this machine, without a download."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from processors.errors import EngineError
from processors.lanes import Job, Lane, Priority
from processors.memory.lean_model import with_rows_taken_first
from processors.models import ModelStore
from processors.onnx_sessions import session_options

if TYPE_CHECKING:
    import onnxruntime
    import tokenizers

MODEL = "minilm-l6-v2-int8"
DIMENSIONS = 384
_MOST_TOKENS = 128
"""It was trained on no more."""
_AT_ONCE = 4
"""Texts in one call: a question waits for at most this many (20 ms)."""

Meanings: TypeAlias = NDArray[np.float32]
"""One row a text, each of length 1: their products are the cosines."""


class Embedder(Protocol):
    """Turns texts into meanings."""

    async def start(self) -> None:
        """Load and warm up.

        Raises:
            EngineError: it cannot run here.
            ModelError: its files are missing or corrupt.
        """
        ...

    async def embed(self, texts: Sequence[str], *, priority: Priority = Priority.BACKGROUND) -> Meanings:
        """The meanings of `texts`.

        Raises:
            EngineError: it failed.
        """
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


class MiniLm:
    """The model on two threads: questions have one of their own, everything else leaves the cores to the others."""

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._asking = Lane("embedding")
        self._learning = Lane("embedding of memories", yielding=True)
        self._session: onnxruntime.InferenceSession | None = None
        self._tokenizer: tokenizers.Tokenizer | None = None

    async def start(self) -> None:
        await self._learning.run(self._load)

    async def embed(self, texts: Sequence[str], *, priority: Priority = Priority.BACKGROUND) -> Meanings:
        lane = self._asking if priority is Priority.LIVE else self._learning
        rows = [
            await lane.run(lambda job, some=texts[at : at + _AT_ONCE]: self._embed(job, some), priority=priority)
            for at in range(0, len(texts), _AT_ONCE)
        ]
        return np.concatenate(rows) if rows else np.empty((0, DIMENSIONS), np.float32)

    async def close(self) -> None:
        await asyncio.gather(self._asking.close(), self._learning.close())
        self._session = self._tokenizer = None

    def _load(self, job: Job) -> None:
        import onnxruntime
        import tokenizers

        files = self._store.resolve(MODEL).files
        options = session_options()
        # One thread, the caller's: its priority is then that of the work.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        tokenizer = tokenizers.Tokenizer.from_file(str(files["tokenizer.json"]))
        tokenizer.enable_truncation(_MOST_TOKENS)
        tokenizer.enable_padding()
        model = with_rows_taken_first(files["model.onnx"].read_bytes())
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._tokenizer = tokenizer
        self._embed(job, ["warm"])

    def _embed(self, job: Job, texts: Sequence[str]) -> Meanings:
        if job.cancelled:
            return np.zeros((len(texts), DIMENSIONS), np.float32)
        if self._session is None or self._tokenizer is None:
            raise EngineError("the embedding model is not loaded")
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = np.array([one.ids for one in encoded], np.int64)
        mask = np.array([one.attention_mask for one in encoded], np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = np.asarray(self._session.run(None, inputs)[0])
        # The mean over the words, as the model was trained.
        mean = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32)
