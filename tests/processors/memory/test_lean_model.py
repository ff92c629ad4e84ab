"""The embedding model takes the rows it needs before it makes them float32, and says the same."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from processors.memory.embedding import MODEL, MiniLm
from processors.memory.lean_model import _field, _Node, _node, with_rows_taken_first
from processors.models import ModelStore
from processors.onnx_sessions import session_options

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture(scope="module")
def model() -> bytes:
    return ModelStore(offline=True).resolve(MODEL).files["model.onnx"].read_bytes()


def session(model: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model, session_options(), providers=["CPUExecutionProvider"])


def test_the_meanings_are_the_same_to_the_last_bit(model: bytes) -> None:
    lean = with_rows_taken_first(model)
    assert lean != model
    ids = np.array([[101, 2054, 2003, 1996, 3007, 102], [101, 30521, 0, 102, 0, 0]], np.int64)
    asked = {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64), "token_type_ids": np.zeros_like(ids)}
    before, after = session(model).run(None, asked)[0], session(lean).run(None, asked)[0]
    np.testing.assert_array_equal(np.asarray(before), np.asarray(after))


def test_a_model_whose_rows_are_taken_first_stays_as_it_is(model: bytes) -> None:
    lean = with_rows_taken_first(model)
    assert with_rows_taken_first(lean) == lean


def test_the_whole_table_is_made_float32_nowhere(model: bytes, tmp_path: Path) -> None:
    # What ONNX Runtime makes of a model when it loads it can be looked at.
    sizes: list[int] = []
    for one in (model, with_rows_taken_first(model)):
        options = session_options()
        options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
        onnxruntime.InferenceSession(one, options, providers=["CPUExecutionProvider"])
        sizes.append((tmp_path / "loaded.onnx").stat().st_size)
    plain, lean = sizes
    assert plain - lean > 30 << 20


def test_a_model_that_is_written_otherwise_stays_as_it_is() -> None:
    other = (FIXTURES / "kokoro_tiny_onnx" / "kokoro.onnx").read_bytes()
    assert with_rows_taken_first(other) == other


def small(*others: _Node, factors: tuple[int, int] = (3, 1)) -> bytes:
    """A model of three rows of two numbers, in the format that is looked for."""
    nodes = (
        _node("Cast", ("rows",), "numbers", b""),
        _node("Mul", ("numbers", "factors"), "table", b""),
        _node("Gather", ("table", "words"), "said", b""),
        *others,
    )
    tensors = (
        b"".join(bytes([8, size]) for size in shape) + _field(8, name)
        for name, shape in ((b"rows", (3, 2)), (b"factors", factors))
    )
    graph = b"".join((*(_field(1, node.written) for node in nodes), *(_field(5, tensor) for tensor in tensors)))
    return _field(7, graph)


def test_only_a_table_with_a_factor_a_row_that_nobody_else_wants_whole_is_changed() -> None:
    assert with_rows_taken_first(small()) != small()
    wanted = small(_node("Identity", ("table",), "all of it", b""))
    assert with_rows_taken_first(wanted) == wanted
    by_column = small(factors=(1, 2))
    assert with_rows_taken_first(by_column) == by_column


async def test_the_embedder_loads_it_so(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[bytes] = []

    def load(given: bytes, *more: object, **named: object) -> onnxruntime.InferenceSession:
        loaded.append(given)
        return real(given, *more, **named)  # pyright: ignore[reportArgumentType]

    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession", load)
    embedder = MiniLm(ModelStore(offline=True))
    await embedder.start()
    await embedder.close()
    assert loaded == [with_rows_taken_first(model)]
