"""Retrieval: what is said is drawn towards the nearest sounds the target speaker made in training."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from processors.errors import ModelCorruptError, ModelMissingError
from processors.speaking.rvc.needs import need

NEIGHBOURS = 8

Features = NDArray[np.float32]


class VectorIndex(Protocol):
    """What is used of a faiss index."""

    d: int
    ntotal: int

    def search(self, x: Features, k: int) -> tuple[Features, NDArray[np.int64]]:
        """Squared distances and numbers of the `k` nearest vectors, each (len(x), k)."""
        ...

    def reconstruct_n(self, n0: int, ni: int) -> Features:
        """The stored vectors `n0` to `n0 + ni`."""
        ...


def load_index(path: Path) -> VectorIndex:
    """Read a faiss index as RVC trains it.

    Raises:
        ModelMissingError: there is no such file.
        ModelCorruptError: it is no readable index.
        EngineError: faiss is not installed.
    """
    if not path.is_file():
        raise ModelMissingError(f"RVC_INDEX: there is no file {path}; give the path of an .index, or leave it empty")
    faiss = need("faiss", "RVC_INDEX")
    try:
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise ModelCorruptError(f"RVC_INDEX: {path.name} is no readable faiss index; build it again") from error


def blend(found: Features, squared: Features) -> Features:
    """Weigh neighbours (T, k, F) by the inverse square of their score (T, k), as RVC does.

    The score is what faiss gives for L2, the squared distance. A neighbour at no distance takes all the weight.
    """
    weight = 1.0 / np.square(np.maximum(squared.astype(np.float64), 1e-9))
    weight /= weight.sum(axis=1, keepdims=True)
    return np.einsum("tk,tkf->tf", weight, found).astype(np.float32)


def protected(mixed: Features, plain: Features, f0_hz: NDArray[np.float32], protect: float) -> Features:
    """Give unvoiced frames (consonants, breath) back most of what they were before retrieval.

    Args:
        protect: the share of retrieval an unvoiced frame keeps, 0 to 0.5; 0.5 and more protects nothing.
    """
    if protect >= 0.5:
        return mixed
    share = np.where(f0_hz > 0, 1.0, protect).astype(np.float32)[:, None]
    return (mixed * share + plain * (1.0 - share)).astype(np.float32)


class Retrieval:
    """An index with its vectors, ready to be asked."""

    def __init__(self, index: VectorIndex, features: int) -> None:
        """
        Raises:
            ModelCorruptError: the index is empty, or its vectors have another width than the model's features.
        """
        if index.d != features or index.ntotal < 1:
            raise ModelCorruptError(
                f"RVC_INDEX holds {index.ntotal} vectors of width {index.d}; this model needs width {features}. "
                "Use the index that was trained with it"
            )
        self._index = index
        self._vectors = index.reconstruct_n(0, index.ntotal)

    def pull(self, plain: Features, rate: float) -> Features:
        """Mix `rate` (0 to 1) of the nearest training features into (T, F) features."""
        squared, numbers = self._index.search(plain, min(NEIGHBOURS, len(self._vectors)))
        found = blend(self._vectors[numbers], squared)
        return (rate * found + (1.0 - rate) * plain).astype(np.float32)
