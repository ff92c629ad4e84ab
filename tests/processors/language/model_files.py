"""A made-up model file: a few tensors of random weights, some of them in blocks of four bits."""

import struct

import numpy as np

from processors.language.eight_bit import widened
from processors.language.gguf import Tensor, aligned, packed

F32, Q4_1, Q8_0 = 0, 3, 8
RANDOM = np.random.default_rng(7)


def four_bit(blocks: int) -> bytes:
    """So many blocks of Q4_1."""
    scale = RANDOM.uniform(0.001, 0.1, (blocks, 1)).astype(np.float16).view(np.uint8)
    least = RANDOM.uniform(-0.8, 0.2, (blocks, 1)).astype(np.float16).view(np.uint8)
    pairs = RANDOM.integers(0, 256, (blocks, 16)).astype(np.uint8)
    return np.concatenate([scale, least, pairs], axis=1).tobytes()


CONTENT = {
    b"norm": (F32, (40,), RANDOM.normal(size=40).astype("<f4").tobytes()),
    b"wide": (Q4_1, (64, 3), four_bit(6)),
    b"head": (Q8_0, (32, 2), widened(four_bit(2))),
    b"again": (Q4_1, (32,), four_bit(1)),
}


def model_file(content=CONTENT, *, alignment: int = 32) -> bytes:
    """By name, the kind, shape and content of each tensor."""
    entries = struct.pack("<Q", 17) + b"general.alignment" + struct.pack("<II", 4, alignment)
    tensors, data = [], b""
    for name, (kind, shape, weights) in content.items():
        data += bytes(aligned(len(data), alignment) - len(data))
        tensors.append(Tensor(name, shape, kind, len(data)))
        data += weights
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 1) + entries + packed(tuple(tensors))
    return head + bytes(aligned(len(head), alignment) - len(head)) + data
