"""The embedding model's table of words, kept as small in memory as it is in its file.

The file holds each row of the table as int8 and a factor (12 MB), and says: make all of it float32, then take the rows
of the words that were said. ONNX Runtime does the first part when it loads the file, which leaves 47 MB. The same rows
come out if they are taken first and made float32 then. So that is what the graph is made to say before it is loaded.

The parts of ONNX's format that this touches: a model's field 7 is its graph; a graph's 1 are its nodes and 5 its
tensors; a node's 1 are its inputs, 2 its outputs, 4 its kind and 5 its attributes; a tensor's 1 are its dimensions and
8 its name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_GRAPH, _NODE, _TENSOR = 7, 1, 5
_TEXT = 2
"""The wire type of what has a length: texts, messages."""


@dataclass(frozen=True, slots=True)
class _Node:
    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: bytes
    """As they are written."""
    written: bytes

    @classmethod
    def read(cls, written: memoryview) -> "_Node":
        texts: dict[int, list[str]] = {1: [], 2: [], 4: []}
        attributes = b""
        for number, value, whole in _fields(written):
            if number in texts and isinstance(value, memoryview):
                texts[number].append(bytes(value).decode())
            elif number == 5:
                attributes += bytes(whole)
        return cls("".join(texts[4]), tuple(texts[1]), ",".join(texts[2]), attributes, bytes(written))


def with_rows_taken_first(model: bytes) -> bytes:
    """The same model, its rows taken before they are made float32. One that is written otherwise stays as it is."""
    parts = list(_fields(memoryview(model)))
    (graph,) = [value for number, value, _ in parts if number == _GRAPH and isinstance(value, memoryview)]
    fields = list(_fields(graph))
    nodes = [_Node.read(value) for number, value, _ in fields if number == _NODE and isinstance(value, memoryview)]
    shapes = dict(_shape(value) for number, value, _ in fields if number == _TENSOR and isinstance(value, memoryview))
    before = nodes
    while moved := _moved(nodes, shapes):
        nodes = moved
    if nodes is before:
        return model
    rest = (whole for number, _, whole in fields if number != _NODE)
    changed = b"".join((*(_field(_NODE, node.written) for node in nodes), *rest))
    return b"".join((*(whole for number, _, whole in parts if number != _GRAPH), _field(_GRAPH, changed)))


def _moved(nodes: list[_Node], shapes: dict[str, tuple[int, ...]]) -> list[_Node] | None:
    """The nodes with one lookup before its conversion; None if there is none to move."""
    made = {node.output: node for node in nodes}
    for lookup in nodes:
        factor = made.get(lookup.inputs[0]) if lookup.kind == "Gather" else None
        table = made.get(factor.inputs[0]) if factor and factor.kind == "Mul" else None
        if not factor or not table or table.kind != "Cast":
            continue
        rows, scale, words = table.inputs[0], factor.inputs[1], lookup.inputs[1]
        users = sum(factor.output in node.inputs for node in nodes)
        # One factor a row, and nobody else wants the whole table.
        if users != 1 or shapes.get(scale) != (*shapes.get(rows, ())[:1], 1):
            continue
        taken, numbers, factors = (f"{lookup.output}_{part}" for part in ("rows", "numbers", "factors"))
        instead = (
            _node("Gather", (rows, words), taken, lookup.attributes),
            _node("Cast", (taken,), numbers, table.attributes),
            _node("Gather", (scale, words), factors, lookup.attributes),
            _node("Mul", (numbers, factors), lookup.output, factor.attributes),
        )
        kept = (node for node in nodes if node not in (table, factor))
        return [one for node in kept for one in (instead if node is lookup else (node,))]
    return None


def _node(kind: str, inputs: Iterable[str], output: str, attributes: bytes) -> _Node:
    named = b"".join(_field(1, name.encode()) for name in inputs)
    named += _field(2, output.encode()) + _field(3, output.encode()) + _field(4, kind.encode())
    return _Node.read(memoryview(named + attributes))


def _shape(tensor: memoryview) -> tuple[str, tuple[int, ...]]:
    name, dimensions = "", []
    for number, value, _ in _fields(tensor):
        if number == 8 and isinstance(value, memoryview):
            name = bytes(value).decode()
        elif number == 1 and isinstance(value, int):
            dimensions.append(value)
        elif number == 1 and isinstance(value, memoryview):
            at = 0
            while at < len(value):
                one, at = _number(value, at)
                dimensions.append(one)
    return name, tuple(dimensions)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int, memoryview]]:
    """A message's fields: number, value, and all of it as it is written."""
    at = 0
    while at < len(message):
        begin = at
        tag, at = _number(message, at)
        match tag & 7:
            case 0:
                value, at = _number(message, at)
            case 2:
                length, at = _number(message, at)
                value, at = message[at : at + length], at + length
            case kind:
                length = 8 if kind == 1 else 4
                value, at = message[at : at + length], at + length
        yield tag >> 3, value, message[begin:at]


def _number(message: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def _field(number: int, value: bytes) -> bytes:
    return _written(number << 3 | _TEXT) + _written(len(value)) + value


def _written(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)
