"""The graph of an encoder with another head: nodes of the old one go, those of the new one are appended.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3. Whatever is not of the
head stays as it is: operator versions, the version of the file format, weights and functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Mapping, Sequence

from onnxnn_runtime.session.graph_fields import Node, read_node, read_type
from onnxnn_runtime.session.protobuf import fields_of, message_of, text_of
from onnxnn_runtime.session.protobuf_writing import Pieces, field, message

from .head import Head

OUTPUT, VECTOR = "output", "embedding"
"""The graph's outputs: probabilities, and the feature vector."""

_FLOAT = 1
"""float32 in TensorProto.DataType."""

_INSIDE: Mapping[str, Mapping[int, str]] = {
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 14: "value", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {6: "graph", 11: "graph"},
    "sparse": {1: "tensor"},
}
"""Where names of values stand: message -> {field number: message}."""

_NAMES: Mapping[str, tuple[int, ...]] = {"node": (1, 2), "tensor": (8,), "value": (1,)}
"""The fields that are names of values."""

_METADATA = 14
"""The field of `ModelProto` with its keys and texts."""


@dataclass(frozen=True)
class Encoder:
    """The part of a file that makes the feature vector, with the names that its new outputs need.

    Args:
        content: The whole file.
        graph: The fields of its graph that are kept, without outputs.
        names: All names of values and nodes in it.
        dtype: The type's number of the vector, in TensorProto.DataType.
        declared: The type that the graph declares for it, a TypeProto; empty where it declares none.
        rank: How many axes it has; 0 where that is not known.
        batch: Its first axis, a message that holds a size or a name.
    """

    content: bytes
    graph: Pieces
    names: frozenset[str]
    dtype: int
    declared: memoryview
    rank: int
    batch: memoryview

    def fingerprint(self) -> str:
        """Return the SHA-256 of what computes the vector: nodes, weights, operator versions and functions."""
        import hashlib  # here, because OpenSSL takes megabytes

        digest = hashlib.sha256()
        for number, value in fields_of(memoryview(self.content)):
            if number in (8, 25):
                digest.update(b"%d %d\n" % (number, len(message_of(value))))
                digest.update(message_of(value))
        for piece in self.graph:
            digest.update(piece)
        return digest.hexdigest()


def encoder_of(content: bytes, vector: str) -> Encoder:
    """Return what makes the feature vector of a file.

    Args:
        content: The whole file, which `inspect` has read.
        vector: The name of the graph's output.
    """
    fields = [
        (number, message_of(value))
        for number, value in fields_of(_graph_of(content))
        if isinstance(value, memoryview)
    ]
    nodes = [value for number, value in fields if number == 1]
    order, needed = _needed([read_node(node) for node in nodes], vector)
    constants = {_name(value, 8) for number, value in fields if number == 5}
    dropped = constants - needed
    names = _renamed_names(vector, needed | {_name(value, 1) for number, value in fields if number == 11})
    graph: Pieces = []
    for place in order:
        graph += message(1, _renamed(nodes[place], "node", names))
    declared = memoryview(b"")
    for number, value in fields:
        if number == 12 and _name(value, 1) == vector:
            declared = value
        if (
            number in (1, 12)
            or (number == 5 and _name(value, 8) in dropped)
            or (number == 11 and _name(value, 1) in dropped)
            or (number in (13, 14) and _name(value, 1) not in needed)
        ):
            continue
        graph += message(number, _renamed(value, _INSIDE["graph"].get(number, ""), names))
    dims = list(_inside(declared, 2, 1, 2, 1))
    return Encoder(
        content,
        graph,
        frozenset(names.get(each, each) for each in needed),
        read_type(declared)[1] if declared else _FLOAT,
        next(_inside(declared, 2), memoryview(b"")),
        len(dims),
        dims[0] if dims else memoryview(b"\x12\x05batch"),
    )


def with_head(encoder: Encoder, head: Head, metadata: Mapping[str, str]) -> bytes:
    """Return a file whose outputs are probabilities, softmax(weight (x - mean) + bias), and the
    feature vector.

    Args:
        encoder: What makes the vector.
        head: Classifies it.
        metadata: Keys and texts that it gets, in place of its own with these keys.
    """
    graph = [*encoder.graph, *_head(encoder, head)]
    parts: Pieces = []
    for number, value in fields_of(memoryview(encoder.content)):
        if number == 7:
            parts += message(7, graph)
        elif number != _METADATA or _name(message_of(value), 1) not in metadata:
            parts += field(number, value)
    for key, text in metadata.items():
        parts += message(_METADATA, [*field(1, key), *field(2, text)])
    return b"".join(parts)


def _head(encoder: Encoder, head: Head) -> Pieces:
    """Return the fields of a graph that classify the vector, and its outputs."""
    taken = set(encoder.names)
    pieces: Pieces = []
    x = VECTOR
    if encoder.dtype != _FLOAT:
        x = _fresh("head_float32", taken)
        pieces += _node("Cast", (VECTOR,), x, to=_FLOAT)
    if encoder.rank != 2:
        flat = _fresh("head_vector", taken)
        pieces += _node("Flatten", (x,), flat, axis=1)
        x = flat
    parts = ("mean", "weight", "bias", "centred", "logits")
    mean, weight, bias, centred, logits = (_fresh(f"head_{part}", taken) for part in parts)
    pieces += _node("Sub", (x, mean), centred)
    pieces += _node("Gemm", (centred, weight, bias), logits, transB=1)
    pieces += _node("Softmax", (logits,), OUTPUT, axis=1)
    for name, array in ((mean, head.mean), (weight, head.weight), (bias, head.bias)):
        tensor: Pieces = [piece for size in array.shape for piece in field(1, size)]
        tensor += [*field(2, _FLOAT), *field(8, name), *message(9, [array.astype("<f4").tobytes()])]
        pieces += message(5, tensor)
    shape = [*message(1, [encoder.batch]), *message(1, field(1, len(head.bias)))]
    output = message(2, message(1, [*field(1, _FLOAT), *message(2, shape)]))
    pieces += message(12, [*field(1, OUTPUT), *output])
    declared = message(2, [encoder.declared]) if encoder.declared else []
    return [*pieces, *message(12, [*field(1, VECTOR), *declared])]


def _node(kind: str, inputs: tuple[str, ...], output: str, **attributes: int) -> Pieces:
    """Return a node with one output and integers as attributes, as a field of a graph."""
    pieces: Pieces = [piece for name in inputs for piece in field(1, name)]
    pieces += [*field(2, output), *field(3, f"head_{kind.lower()}"), *field(4, kind)]
    for name, value in attributes.items():
        pieces += message(5, [*field(1, name), *field(3, value), *field(20, 2)])
    return message(1, pieces)


def _graph_of(content: bytes) -> memoryview:
    for number, value in fields_of(memoryview(content)):
        if number == 7:
            return message_of(value)
    return memoryview(b"")


def _needed(nodes: Sequence[Node], vector: str) -> tuple[list[int], set[str]]:
    """Return the nodes that the vector needs, in an order in which they run, and all names of values in them.

    Files that were quantised have nodes after others that use them; those of other files keep their order.
    """
    maker = {name: place for place, node in enumerate(nodes) for name in node.outputs if name}
    makers = [[maker[name] for name in _used(node) if name in maker] for node in nodes]
    kept: set[int] = set()
    waiting = [maker[vector]] if vector in maker else []
    while waiting:
        place = waiting.pop()
        if place not in kept:
            kept.add(place)
            waiting += makers[place]
    order: dict[int, None] = {}
    begun: set[int] = set()
    for first in sorted(kept):
        waiting = [first]
        while waiting:  # no recursion: a chain may be longer than Python's stack
            place = waiting[-1]
            before = [] if place in begun else [each for each in makers[place] if each not in order]
            begun.add(place)
            waiting += before
            if not before:
                order.setdefault(waiting.pop())
    names = {name for place in kept for name in (*nodes[place].outputs, *_used(nodes[place]))}
    return list(order), (names | {vector}) - {""}


def _used(node: Node) -> Iterator[str]:
    """Yield the names that a node uses, and all that stand in the graphs inside it."""
    yield from node.inputs
    for graph in node.graphs:
        for number, value in fields_of(graph):
            if number == 1:
                inner = read_node(message_of(value))
                yield from inner.outputs
                yield from _used(inner)
            elif number in (11, 12):
                yield _name(message_of(value), 1)


def _renamed_names(vector: str, names: set[str]) -> dict[str, str]:
    """Return new names for the vector, and for what has one of the names that the outputs need."""
    taken = set(names) | {OUTPUT, VECTOR}
    renamed = {name: _fresh(f"encoder_{name}", taken) for name in (OUTPUT, VECTOR) if name in names}
    renamed[vector] = VECTOR
    return {old: new for old, new in renamed.items() if old != new}


def _fresh(name: str, taken: set[str]) -> str:
    """Return a name that is not taken yet, and take it."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found


def _renamed(data: memoryview, kind: str, names: Mapping[str, str]) -> Pieces:
    """Return the content of a message with values renamed, also in the graphs inside it."""
    inside, texts = _INSIDE.get(kind, {}), _NAMES.get(kind, ())
    if not names or not (inside or texts):
        return [data]
    pieces: Pieces = []
    changed = False
    for number, value in fields_of(data):
        if number in texts and text_of(value) in names:
            pieces += field(number, names[text_of(value)])
            changed = True
        elif number in inside:
            inner = _renamed(message_of(value), inside[number], names)
            changed |= inner != [value]
            pieces += message(number, inner)
        else:
            pieces += field(number, value)
    return pieces if changed else [data]


def _name(data: memoryview, field_number: int) -> str:
    """Return the text of a field of a message; "" where there is none."""
    for number, value in fields_of(data):
        if number == field_number:
            return text_of(value)
    return ""


def _inside(data: memoryview, *path: int) -> Iterator[memoryview]:
    """Yield the messages that lie in a message under fields of these numbers."""
    for number, value in fields_of(data):
        if number == path[0] and isinstance(value, memoryview):
            if len(path) == 1:
                yield value
            else:
                yield from _inside(value, *path[1:])
