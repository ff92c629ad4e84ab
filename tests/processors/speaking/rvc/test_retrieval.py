"""Retrieval: weights of neighbours, and what consonants keep."""

from pathlib import Path

import numpy as np
import pytest

from processors.errors import ModelCorruptError, ModelMissingError
from processors.speaking.rvc.retrieval import Retrieval, blend, load_index, protected


class FlatIndex:
    """An exhaustive index with faiss's calls."""

    def __init__(self, vectors: np.ndarray) -> None:
        self._vectors = vectors.astype(np.float32)
        self.ntotal, self.d = vectors.shape

    def search(self, x, k):
        squared = ((x[:, None] - self._vectors) ** 2).sum(-1)
        order = np.argsort(squared, axis=1)[:, :k]
        return np.take_along_axis(squared, order, axis=1), order

    def reconstruct_n(self, n0, ni):
        return self._vectors[n0 : n0 + ni]


VECTORS = np.random.default_rng(1).standard_normal((30, 6))


def test_neighbours_weigh_the_inverse_square_of_their_score() -> None:
    found = np.array([[[1.0], [3.0]]], np.float32)
    squared = np.array([[1.0, 2.0]], np.float32)
    np.testing.assert_allclose(blend(found, squared), [[(1 * 1 + 3 * 0.25) / 1.25]], rtol=1e-6)


def test_a_neighbour_at_no_distance_takes_all_the_weight() -> None:
    found = np.array([[[1.0], [3.0]]], np.float32)
    np.testing.assert_allclose(blend(found, np.array([[0.0, 0.5]], np.float32)), [[1.0]])


def test_missing_neighbours_have_no_say() -> None:
    found = np.array([[[1.0], [3.0]]], np.float32)
    far = np.array([[0.5, np.finfo(np.float32).max]], np.float32)
    np.testing.assert_allclose(blend(found, far), [[1.0]])


def test_features_of_the_training_set_come_back_as_they_are() -> None:
    plain = VECTORS[3:8].astype(np.float32)
    np.testing.assert_allclose(Retrieval(FlatIndex(VECTORS), 6).pull(plain, 1.0), plain, atol=1e-4)


def test_the_index_rate_mixes_found_and_plain_features() -> None:
    retrieval = Retrieval(FlatIndex(VECTORS), 6)
    plain = np.random.default_rng(2).standard_normal((4, 6)).astype(np.float32)
    full = retrieval.pull(plain, 1.0)
    assert not np.allclose(full, plain, atol=0.1)
    np.testing.assert_allclose(retrieval.pull(plain, 0.25), 0.25 * full + 0.75 * plain, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(retrieval.pull(plain, 0.0), plain)


def test_an_index_smaller_than_eight_vectors_is_searched_whole() -> None:
    assert Retrieval(FlatIndex(VECTORS[:3]), 6).pull(VECTORS[:2].astype(np.float32), 1.0).shape == (2, 6)


def test_an_index_of_another_model_is_refused() -> None:
    with pytest.raises(ModelCorruptError, match=r"RVC_INDEX.*width 6.*needs width 768"):
        Retrieval(FlatIndex(VECTORS), 768)


def test_a_wrong_index_path_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match=r"RVC_INDEX.*absent\.index"):
        load_index(tmp_path / "absent.index")


def test_consonants_keep_only_their_share_of_the_index() -> None:
    mixed, plain = np.full((2, 3), 1.0, np.float32), np.zeros((2, 3), np.float32)
    f0_hz = np.array([120.0, 0.0], np.float32)
    np.testing.assert_allclose(protected(mixed, plain, f0_hz, 0.33)[:, 0], [1.0, 0.33])
    np.testing.assert_array_equal(protected(mixed, plain, f0_hz, 0.5), mixed)
