"""A Supertonic model of a few kB: four ONNX graphs that take and give what the real ones do."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RATE_HZ = 44100
BASE_CHUNK, COMPRESS, LATENT = 512, 6, 4
"""A latent frame is 512 * 6 samples, and has 4 * 6 numbers."""
S_PER_CHARACTER = 0.06
VOICES = {"F1": 220.0, "M1": 110.0}
"""Pitch (Hz) of each voice."""


def write_model(folder: Path) -> Path:
    """A model's folder as the library wants it, with the letters, digits and signs of ASCII."""
    (folder / "onnx").mkdir(parents=True)
    (folder / "voice_styles").mkdir()
    config = {
        "ae": {"sample_rate": RATE_HZ, "base_chunk_size": BASE_CHUNK},
        "ttl": {"chunk_compress_factor": COMPRESS, "latent_dim": LATENT},
    }
    (folder / "onnx" / "tts.json").write_text(json.dumps(config))
    indexer = [code if 32 <= code < 127 else -1 for code in range(128)]
    (folder / "onnx" / "unicode_indexer.json").write_text(json.dumps(indexer))
    for name, pitch_hz in VOICES.items():
        style = {"dims": [1, 1, 1], "data": [[[pitch_hz]]]}
        (folder / "voice_styles" / f"{name}.json").write_text(json.dumps({"style_ttl": style, "style_dp": style}))
    for name, graph in (
        ("duration_predictor", _duration()),
        ("text_encoder", _text_encoder()),
        ("vector_estimator", _vector_estimator()),
        ("vocoder", _vocoder()),
    ):
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        onnx.save(model, folder / "onnx" / f"{name}.onnx")
    return folder


def _f(name: str, *shape: int | str):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _i(name: str, *shape: int | str):
    return helper.make_tensor_value_info(name, TensorProto.INT64, shape)


def _c(name: str, value) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)


def _duration() -> onnx.GraphProto:
    """Seconds: so many a character."""
    nodes = [
        helper.make_node("ReduceSum", ["text_mask", "axes"], ["characters"], keepdims=0),
        helper.make_node("Mul", ["characters", "pace"], ["duration"]),
    ]
    inputs = [_i("text_ids", "b", "t"), _f("style_dp", "b", 1, 1), _f("text_mask", "b", 1, "t")]
    constants = [_c("axes", np.array([1, 2], np.int64)), _c("pace", np.float32(S_PER_CHARACTER))]
    return helper.make_graph(nodes, "duration_predictor", inputs, [_f("duration", "b")], constants)


def _text_encoder() -> onnx.GraphProto:
    nodes = [
        helper.make_node("Cast", ["text_ids"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["ids", "one"], ["text_emb"]),
    ]
    inputs = [_i("text_ids", "b", "t"), _f("style_ttl", "b", 1, 1), _f("text_mask", "b", 1, "t")]
    constants = [_c("one", np.array([1], np.int64))]
    return helper.make_graph(nodes, "text_encoder", inputs, [_f("text_emb", "b", 1, "t")], constants)


def _vector_estimator() -> onnx.GraphProto:
    """Whatever the noise: the voice's pitch, in every frame of the latent."""
    nodes = [
        helper.make_node("Mul", ["noisy_latent", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "style_ttl"], ["steady"]),
        helper.make_node("Mul", ["steady", "latent_mask"], ["denoised"]),
    ]
    inputs = [
        _f("noisy_latent", "b", LATENT * COMPRESS, "l"),
        _f("text_emb", "b", 1, "t"),
        _f("style_ttl", "b", 1, 1),
        _f("text_mask", "b", 1, "t"),
        _f("latent_mask", "b", 1, "l"),
        _f("current_step", "b"),
        _f("total_step", "b"),
    ]
    outputs = [_f("denoised", "b", LATENT * COMPRESS, "l")]
    return helper.make_graph(nodes, "vector_estimator", inputs, outputs, [_c("zero", np.float32(0))])


def _vocoder() -> onnx.GraphProto:
    """A tone of the pitch that the latent holds, `BASE_CHUNK * COMPRESS` samples a frame."""
    samples = BASE_CHUNK * COMPRESS
    nodes = [
        helper.make_node("ReduceMax", ["latent"], ["pitch"], axes=[1], keepdims=0),  # (b, l)
        helper.make_node("Unsqueeze", ["pitch", "last"], ["column"]),
        helper.make_node("Expand", ["column", "wide"], ["every"]),  # (b, l, samples)
        helper.make_node("Reshape", ["every", "flat"], ["hz"]),
        helper.make_node("Mul", ["hz", "per_sample"], ["steps"]),
        helper.make_node("CumSum", ["steps", "along"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["loud"]),
        helper.make_node("Mul", ["loud", "half"], ["wav"]),
    ]
    constants = [
        _c("last", np.array([2], np.int64)),
        _c("wide", np.array([1, 1, samples], np.int64)),
        _c("flat", np.array([1, -1], np.int64)),
        _c("per_sample", np.float32(2 * np.pi / RATE_HZ)),
        _c("along", np.int64(1)),
        _c("half", np.float32(0.5)),
    ]
    return helper.make_graph(
        nodes, "vocoder", [_f("latent", "b", LATENT * COMPRESS, "l")], [_f("wav", "b", "s")], constants
    )
