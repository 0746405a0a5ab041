"""What is checked in a model's graph before ONNX Runtime loads it.

ONNX Runtime refuses most damaged files itself. What it does not survive is refused here: graphs nested
without end, functions that expand to billions of nodes, tensors of billions of numbers made of a few bytes,
and integer divisions that end the whole process. Loops that may run forever are noted.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence

from .graph_fields import INTEGERS, Node, Tensor, read_attribute, read_node, read_tensor, read_type
from .protobuf import fields_of, message_of, numbers_of, text_of

__all__ = ["RefusedGraphError", "check_graph"]

DEEPEST = 30
"""Graphs inside graphs; protobuf itself ends at 33."""

_OUTSIDE = b"location"
"""The key under which a tensor names another file that holds its numbers."""

MOST_NODES = 20_000
"""Nodes that functions may expand to, beside ten times those that stand in the file."""

LARGEST = 2**26
"""Numbers in one tensor that a graph makes of a shape: a quarter of a gigabyte of float32."""

MOST_NUMBERS = 2**28
"""Numbers in all such tensors together."""

MOST_STEPS = 10_000
"""Steps of a loop with a fixed number of them that are sure to end soon."""


class RefusedGraphError(Exception):
    """A graph is whole, and must not run."""


def check_graph(model: memoryview) -> tuple[bool, bool]:
    """Check a file's graph.

    Args:
        model: A ModelProto.

    Returns:
        Whether it holds a loop that is not known to end soon, and whether weights may lie in other files.

    Raises:
        ValueError: It is damaged.
        RefusedGraphError: It would take endless time or memory, or end the process.
        IndexError: It is cut short.
    """
    check = _Check()
    for number, value in fields_of(model):
        if number == 25:
            check.function(message_of(value))
        if number in (20, 25):  # training and functions; graphs are looked at below
            check.outside |= _OUTSIDE in bytes(message_of(value))
    calls: list[str] = []
    for number, value in fields_of(model):
        if number == 7:
            calls += check.graph(message_of(value), 0)
    check.expand(calls)
    return check.endless, check.outside


class _Check:
    """One pass over a model's graphs."""

    def __init__(self) -> None:
        self.endless = False
        self.outside = False
        self._made = 0.0
        self._nodes = 0
        self._constants: dict[str, Tensor] = {}
        self._makers: dict[str, Node] = {}
        self._types: dict[str, int] = {}
        self._functions: dict[str, list[str]] = {}

    def function(self, data: memoryview) -> None:
        """Check the nodes of a function, and remember what it calls."""
        name, domain = "", ""
        nodes = []
        for number, value in fields_of(data):
            if number == 1:
                name = text_of(value)
            elif number == 10:
                domain = text_of(value)
            elif number == 7:
                nodes.append(message_of(value))
        self._functions[f"{domain}:{name}"] = self._walk(nodes, 0)

    def graph(self, data: memoryview, depth: int) -> list[str]:
        """Check a graph; return what its nodes and those of the graphs inside call."""
        if depth > DEEPEST:
            raise RefusedGraphError(f"its graphs are nested more than {DEEPEST} deep")
        nodes = []
        for number, value in fields_of(data):
            if number == 1:
                nodes.append(message_of(value))
                self.outside |= depth == 0 and _OUTSIDE in bytes(nodes[-1])
            elif number == 5:
                tensor = read_tensor(message_of(value))
                self.outside |= tensor.outside
                self._constant(tensor)
            elif number == 11:
                name, dtype = read_type(message_of(value))
                self._types[name] = dtype
            elif number == 15:
                self._sparse(message_of(value))
                self.outside |= _OUTSIDE in bytes(message_of(value))
        return self._walk(nodes, depth)

    def _walk(self, nodes: Sequence[memoryview], depth: int) -> list[str]:
        calls = []
        self._nodes += len(nodes)
        for data in nodes:
            node = read_node(data)
            calls.append(f"{node.domain}:{node.kind}")
            for output in node.outputs:
                self._makers[output] = node
                self._constants.pop(output, None)
            if not node.domain and node.kind in _CHECKS:
                _CHECKS[node.kind](self, node)
            for graph in node.graphs:
                calls += self.graph(graph, depth + 1)
        return calls

    def expand(self, calls: Sequence[str]) -> None:
        """Refuse functions that call themselves, or expand to too many nodes."""
        sizes: dict[str, int] = {}

        def size_of(name: str, callers: tuple[str, ...] = ()) -> int:
            if name not in self._functions:
                return 1
            if name in callers or len(callers) > 100:
                raise RefusedGraphError(
                    f"its function {name[:80]!r} calls itself, or calls are nested over 100 deep"
                )
            if name not in sizes:
                sizes[name] = sum(size_of(each, (*callers, name)) for each in self._functions[name])
            return sizes[name]

        limit = MOST_NODES + 10 * self._nodes
        total = sum(map(size_of, [*self._functions, *calls]))
        if self._functions and total > limit:
            raise RefusedGraphError(f"its functions expand to more than {limit:,} nodes")

    def make(self, node: str, count: float) -> None:
        """Count numbers that a node makes of a shape."""
        self._made += max(count, 0.0)
        if count > LARGEST or self._made > MOST_NUMBERS:
            raise RefusedGraphError(
                f"{node} makes a tensor of {count:.3g} numbers; at most {LARGEST:,} in one and "
                f"{MOST_NUMBERS:,} in all are accepted"
            )

    def _constant(self, tensor: Tensor, name: str = "") -> None:
        self._constants[name or tensor.name] = tensor
        self._types[name or tensor.name] = tensor.dtype

    def _sparse(self, data: memoryview) -> None:
        self.make(
            "a sparse tensor",
            _product([n for key, value in fields_of(data) if key == 3 for n in numbers_of(value)]),
        )

    def numbers(self, name: str) -> Any:
        """Return the numbers of a small constant, else None."""
        found = self._constants.get(name)
        return None if found is None else found.values

    def constant_node(self, node: Node) -> None:
        """Remember what a Constant holds."""
        for each in map(read_attribute, node.attributes):
            if each.sparse is not None:
                self._sparse(each.sparse)
            elif each.tensor is not None and node.outputs:
                self._constant(read_tensor(each.tensor), node.outputs[0])
            elif each.name in ("value_int", "value_ints") and node.outputs:
                self._constant(Tensor("", [len(each.numbers)], 7, each.numbers), node.outputs[0])

    def shape(self, node: Node) -> None:
        """Refuse a constant shape, or attributes that are sizes, of too many numbers."""
        for place in _SHAPES.get(node.kind, ()):
            numbers = self.numbers(node.inputs[place]) if place < len(node.inputs) else None
            if numbers:
                self.make(node.kind, _product(numbers))
        for place in _LENGTHS.get(node.kind, ()):
            numbers = self.numbers(node.inputs[place]) if place < len(node.inputs) else None
            if numbers:
                self.make(node.kind, float(max(map(abs, numbers))))
        for data in node.attributes:
            text = bytes(data)
            if not any(name in text for name in _SIZE_NAMES) and node.kind != "ConvTranspose":
                continue
            each = read_attribute(data)
            if each.name in ("shape", "output_shape"):
                self.make(node.kind, _product(each.numbers))
            elif each.numbers and (
                each.name in _SIZES or (each.name == "strides" and node.kind == "ConvTranspose")
            ):
                self.make(node.kind, float(max(each.numbers)))

    def range(self, node: Node) -> None:
        """Refuse Range(start, limit, delta) of too many numbers."""
        found = [self.numbers(name) for name in node.inputs]
        if len(found) == 3 and all(found):
            (start, *_), (limit, *_), (delta, *_) = found
            self.make("Range", (limit - start) / delta if delta else 0.0)

    def scales(self, node: Node) -> None:
        """Refuse sizes of Resize, and scales that make images large beyond use."""
        self.shape(node)
        place = 2 if node.kind == "Resize" and len(node.inputs) > 2 else 1
        scales = self.numbers(node.inputs[place]) if place < len(node.inputs) else None
        attributes = [each.numbers for each in map(read_attribute, node.attributes) if each.name == "scales"]
        for numbers in [scales, *attributes]:
            if numbers:
                self.make(node.kind, 1000 * _product(numbers))

    def loop(self, node: Node) -> None:
        """Note a loop that is not known to end soon."""
        trips = self.numbers(node.inputs[0]) if node.inputs else None
        if not trips or trips[0] > MOST_STEPS:
            self.endless = True

    def division(self, node: Node) -> None:
        """Refuse to divide integers by what may be 0 or -1: the processor may end the process then."""
        if len(node.inputs) != 2 or not self.is_integer(node.inputs[1]):
            return
        by = self.numbers(node.inputs[1])
        if by is not None and (0 in by or -1 in by):
            raise RefusedGraphError(
                f"{node.kind} divides integers by 0 or -1, which can end the whole process"
            )
        if by is None and not self.is_size(node.inputs[1]):
            raise RefusedGraphError(
                f"{node.kind} divides integers by {node.inputs[1][:80]!r}, which may become 0 or -1 and end "
                "the whole process; expected a constant or a tensor's size there"
            )

    def is_integer(self, name: str, depth: int = 0) -> bool:
        """Tell whether a value is sure to be an integer tensor."""
        if name in self._types:
            return self._types[name] in INTEGERS
        node = self._makers.get(name)
        if node is None or depth > 50:
            return False
        if node.kind == "Cast":
            return any(
                each.name == "to" and each.numbers[:1] and each.numbers[0] in INTEGERS
                for each in map(read_attribute, node.attributes)
            )
        if node.kind in _KEEPS_TYPE and node.inputs:
            return self.is_integer(node.inputs[-1 if node.kind == "Where" else 0], depth + 1)
        return node.kind in ("Shape", "Size", "ArgMax", "ArgMin", "NonZero")

    def is_size(self, name: str, depth: int = 0) -> bool:
        """Tell whether integers are made of sizes of tensors and of positive constants alone."""
        numbers = self.numbers(name)
        if numbers is not None:
            return all(number > 0 for number in numbers)
        node = self._makers.get(name)
        if node is None or depth > 50 or not node.inputs:
            return False
        if node.kind in ("Shape", "Size"):
            return True
        if node.kind in ("Mul", "Add", "Max", "Min", "Concat"):
            return all(self.is_size(each, depth + 1) for each in node.inputs)
        return node.kind in _SELECTS and self.is_size(node.inputs[0], depth + 1)


_Rule = Callable[[_Check, Node], None]
_CHECKS: dict[str, _Rule] = {
    "Constant": _Check.constant_node,
    "Range": _Check.range,
    "Resize": _Check.scales,
    "Upsample": _Check.scales,
    "Loop": _Check.loop,
    "Div": _Check.division,
    "Mod": _Check.division,
}

# Which inputs are shapes, and which are lengths.
_SHAPES = {
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "Tile": (1,),
    "Resize": (3,),
    "AffineGrid": (1,),
    "CenterCropPad": (1,),
    "Col2Im": (1,),
    "MaxUnpool": (2,),
}
_LENGTHS = {
    "OneHot": (1,),
    "Pad": (1,),
    "HannWindow": (0,),
    "HammingWindow": (0,),
    "BlackmanWindow": (0,),
    "DFT": (1,),
    "MelWeightMatrix": (0, 1),
}
_SIZES = ("pads", "paddings", "output_padding", "output_height", "output_width", "pooled_shape")

_SIZE_NAMES = [b"shape", b"pads", b"paddings", b"output_"]
"""What stands in each attribute that is a size; others are not read."""

_WITH_SIZES = [
    "RandomNormal",
    "RandomUniform",
    "Conv",
    "ConvInteger",
    "QLinearConv",
    "ConvTranspose",
    "MaxPool",
    "AveragePool",
    "LpPool",
    "MaxRoiPool",
    "RoiAlign",
]
for _kind in (*_SHAPES, *_LENGTHS, *_WITH_SIZES):
    _CHECKS.setdefault(_kind, _Check.shape)

_SELECTS = [
    "Cast",
    "Squeeze",
    "Unsqueeze",
    "Gather",
    "Slice",
    "Identity",
    "Reshape",
    "ReduceProd",
    "ReduceMax",
    "ReduceMin",
]
_KEEPS_TYPE = [
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Mod",
    "Neg",
    "Abs",
    "Min",
    "Max",
    "Identity",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Gather",
    "Slice",
    "Concat",
    "Transpose",
    "Flatten",
    "Tile",
    "Expand",
    "ReduceSum",
    "ReduceProd",
    "ReduceMax",
    "ReduceMin",
    "Where",
    "Sign",
    "Clip",
    "Pad",
    "CumSum",
    "Split",
    "GatherElements",
    "GatherND",
    "Range",
]


def _product(sizes: Sequence[Any]) -> float:
    result = 1.0
    for size in sizes:
        result *= max(float(size), 0.0)
    return result
