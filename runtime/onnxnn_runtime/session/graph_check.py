"""What is checked in a model's graph before ONNX Runtime loads it.

ONNX Runtime refuses most damaged files itself. What it does not survive is refused here: graphs nested
without end, functions that expand to billions of nodes, tensors of billions of numbers made of a few bytes,
and integer divisions that end the whole process. Loops that may run forever are noted.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple, Sequence

from onnxnn_runtime.messages.catalogue import gettext

from .graph_crashes import refuse_crash
from .graph_fields import (
    INTEGERS,
    Attribute,
    Node,
    Tensor,
    attributes_of,
    named,
    read_node,
    read_tensor,
    read_type,
    resolved,
)
from .graph_scope import RefusedGraphError, Scope
from .graph_sizes import Sizes
from .graph_values import LOWEST, UNKNOWN, Fact, constant_fact, infer, of_type, union
from .protobuf import fields_of, message_of, text_of
from .providers import runtime_version

__all__ = ["Checked", "RefusedGraphError", "check_graph"]

DEEPEST = 30
"""Graphs inside graphs; protobuf itself ends at 33."""

_OUTSIDE = b"location"
"""The key under which a tensor names another file that holds its numbers."""

MOST_NODES = 20_000
"""Nodes that functions may expand to, beside ten times those that stand in the file."""

MOST_STEPS = 10_000
"""Steps of all loops together, where their number is fixed, that are sure to end soon."""

_LOOPS = ("Loop", "Scan", "SequenceMap")

_REFUSES_ZERO = (1, 25)
"""The first ONNX Runtime in which an integer division by 0 is an error and does not end the process."""


_NUMBERS = {1: 1, 2: 7, 6: 1, 7: 7}
"""Types of a Constant's attribute that holds numbers -> the type of its tensor."""


class Checked(NamedTuple):
    """What was found in a file's graph.

    Args:
        endless: Whether it holds a loop that is not known to end soon.
        outside: Whether weights may lie in other files.
        divisors: The integer inputs by which it divides; they must hold no 0 and no -1.
    """

    endless: bool
    outside: bool
    divisors: tuple[str, ...]


def check_graph(model: memoryview) -> Checked:
    """Check a file's graph.

    Args:
        model: A ModelProto.

    Raises:
        ValueError: It is damaged.
        RefusedGraphError: It would take endless time or memory, or end the process.
        IndexError: It is cut short.
    """
    check = _Check()
    graphs = []
    for number, value in fields_of(model):
        if number == 25:
            check.function(message_of(value))
        if number in (20, 25):  # training and functions; graphs are looked at below
            check.outside |= _OUTSIDE in bytes(message_of(value))
        elif number == 7:
            graphs.append(message_of(value))
    if len(graphs) > 1:
        raise ValueError(gettext("its graph stands twice"))
    for graph in graphs:
        check.graph(graph, Scope())
    return Checked(check.endless, check.outside, tuple(sorted(check.divisors)))


class _Function(NamedTuple):
    """A function of the file: names of its inputs and outputs, its nodes, its attributes' defaults."""

    inputs: list[str]
    outputs: list[str]
    nodes: list[Node]
    defaults: dict[str, memoryview]


class _Check:
    """One pass over a model's graphs, in the order in which they run."""

    def __init__(self) -> None:
        self.endless = False
        self.outside = False
        self.divisors: set[str] = set()
        self._sizes = Sizes()
        self._nodes = 0
        self._steps = 0
        self._expanded = 0
        self._functions: dict[str, list[_Function]] = {}

    def function(self, data: memoryview) -> None:
        """Remember a function."""
        name, domain = "", ""
        made = _Function([], [], [], {})
        for number, value in fields_of(data):
            if number == 1:
                name = text_of(value)
            elif number == 10:
                domain = text_of(value)
            elif number == 4:
                made.inputs.append(text_of(value))
            elif number == 5:
                made.outputs.append(text_of(value))
            elif number == 7:
                made.nodes.append(read_node(message_of(value)))
            elif number == 11:
                made.defaults[named(message_of(value))[0]] = message_of(value)
        self._nodes += len(made.nodes)
        name = "{}:{}".format("" if domain == "ai.onnx" else domain, name)
        self._functions.setdefault(name, []).append(made)

    def graph(self, data: memoryview, scope: Scope, inputs: Sequence[Fact] = ()) -> list[Fact]:
        """Check a graph; return what is known of its outputs.

        Args:
            data: A GraphProto.
            scope: For its values.
            inputs: What is known of its inputs; UNKNOWN for further ones.
        """
        if scope.depth > DEEPEST:
            raise RefusedGraphError(
                gettext("its graphs are nested more than {deepest} deep", deepest=DEEPEST)
            )
        nodes = []
        outputs = []
        sparse = []
        constants: dict[str, Fact] = {}
        place = 0
        for number, value in fields_of(data):
            if number == 1:
                nodes.append(read_node(message_of(value)))
                self.outside |= scope.depth == 0 and _OUTSIDE in bytes(message_of(value))
            elif number == 5:
                tensor = read_tensor(message_of(value))
                self.outside |= tensor.outside
                self._sizes.tensor(tensor)
                # ONNX Runtime takes the last one of a name.
                constants[tensor.name] = UNKNOWN if tensor.name in constants else constant_fact(tensor)
            elif number == 11:
                name, dtype = read_type(message_of(value))
                fact = inputs[place] if place < len(inputs) else UNKNOWN
                if scope.outer is None:
                    fact = of_type(dtype, True, name)
                scope.facts[name] = fact if fact.dtype else of_type(dtype, fact.filled)
                place += 1
            elif number == 12:
                outputs.append(scope.declare(value))
            elif number == 13:
                scope.declare(value)
            elif number == 15:
                sparse.append(self._sizes.sparse(message_of(value)))
                self.outside |= _OUTSIDE in bytes(message_of(value))
        scope.facts.update(constants)
        scope.facts.update(dict.fromkeys(sparse, UNKNOWN))
        if scope.callers:
            self._expand(len(nodes))
        else:
            self._nodes += len(nodes)
        self._walk(nodes, scope)
        return [scope.find(name) for name in outputs]

    def _walk(self, nodes: Sequence[Node], scope: Scope) -> None:
        scope.make(nodes)
        for node in nodes:
            node.given = scope.given
            inputs = [scope.find(name) for name in node.inputs]
            if node.domain in ("", "com.microsoft"):
                self._sizes.node(node, scope)
            if not node.domain:
                self.divisors |= {refuse_crash(node, inputs)} - {""}
                if node.kind in ("Div", "Mod"):
                    self._division(node, scope)
            found = self._call(node, inputs, scope)
            repeats = scope.repeats
            if node.kind in _LOOPS and not node.domain:
                repeats = self._loop(node, scope)
            if node.graphs:
                found = self._inside(node, inputs, scope, repeats)
            elif found is None:
                found = self._made_by(node, inputs)
            scope.facts.update(zip(node.outputs, found))

    def _made_by(self, node: Node, inputs: Sequence[Fact]) -> list[Fact]:
        if node.kind != "Constant" or node.domain:
            return infer(node, inputs)
        if len(node.attributes) != 1:
            return [UNKNOWN]
        for each in attributes_of(node, node.attributes[0][0]).values():
            if each.tensor is not None:
                tensor = read_tensor(each.tensor)
                self._sizes.tensor(tensor)
                return [constant_fact(tensor)]
            if each.sparse is not None:
                self._sizes.sparse(each.sparse)
            if each.kind in _NUMBERS:
                numbers = each.numbers if each.number is None else [each.number]
                return [constant_fact(Tensor("", [len(numbers)], _NUMBERS[each.kind], numbers))]
        return [UNKNOWN]

    def _call(self, node: Node, inputs: Sequence[Fact], scope: Scope) -> list[Fact] | None:
        """Check what a call of a function does; None where the node is no call."""
        name = f"{node.domain}:{node.kind}"
        functions = self._functions.get(name)
        if functions is None:
            return None
        if name in scope.callers or len(scope.callers) >= 100:
            raise RefusedGraphError(
                gettext(
                    "its function {name} calls itself, or calls are nested over 100 deep",
                    name=repr(name[:80]),
                )
            )
        given = {}
        for each, data in node.attributes:
            value = resolved(data, scope.given)
            if value is not None:
                given[each] = value
        # Overloads have one name; which of them a version of ONNX Runtime takes is not decided here.
        results = [self._expanded_call(name, each, inputs, given, scope) for each in functions]
        return results[0] if len(results) == 1 else [UNKNOWN] * len(node.outputs)

    def _expanded_call(
        self,
        name: str,
        function: _Function,
        inputs: Sequence[Fact],
        given: Mapping[str, memoryview],
        scope: Scope,
    ) -> list[Fact]:
        self._expand(len(function.nodes))
        given = {**function.defaults, **given}
        inside = Scope(None, scope.depth, given, (*scope.callers, name), scope.repeats)
        inside.facts.update(zip(function.inputs, inputs))
        self._walk(function.nodes, inside)
        return [inside.find(each) for each in function.outputs]

    def _expand(self, count: int) -> None:
        self._expanded += count
        limit = MOST_NODES + 10 * self._nodes
        if self._expanded > limit:
            raise RefusedGraphError(gettext("its functions expand to more than {limit:,} nodes", limit=limit))

    def _inside(self, node: Node, inputs: Sequence[Fact], scope: Scope, repeats: int) -> list[Fact]:
        """Check the graphs inside a node, which run as often; return what is known of its outputs."""
        starts: list[Fact] = []
        if node.kind == "Loop":
            starts = [of_type(7)._replace(low=0), of_type(9), *(of_type(each.dtype) for each in inputs[2:])]
        results = [
            self.graph(each, Scope(scope, scope.depth + 1, scope.given, scope.callers, repeats), starts)
            for each in node.graphs
        ]
        if node.kind == "If" and len({len(each) for each in results}) == 1:
            return [union(each) for each in zip(*results)]
        if node.kind in ("Loop", "Scan") and len(results) == 1:
            return [of_type(each.dtype) for each in results[0][node.kind == "Loop" :]]
        return [UNKNOWN] * len(node.outputs)

    def _loop(self, node: Node, scope: Scope) -> int:
        """Return how often a loop's body runs in all, and note when loops are not known to end soon."""
        numbers = scope.find(node.inputs[0]).numbers if node.kind == "Loop" and node.inputs else None
        trips = max(numbers[0], 1) if numbers and isinstance(numbers[0], int) else MOST_STEPS + 1
        self._steps += scope.repeats * trips
        self.endless |= self._steps > MOST_STEPS
        return scope.repeats * trips

    def _division(self, node: Node, scope: Scope) -> None:
        """Refuse to divide integers where that may end the process.

        The lowest int32 and int64 divided by -1 do so in each ONNX Runtime, and any integer divided by 0 in
        those before `_REFUSES_ZERO`. A value of an unknown type may be an integer.
        """
        if len(node.inputs) != 2 or (node.kind == "Mod" and _is_fmod(attributes_of(node, "fmod"))):
            return
        x, by = (scope.find(name) for name in node.inputs)
        dtype = x.dtype or by.dtype or next(map(scope.declared_type, node.outputs), 0)
        dtype = dtype or next(filter(None, map(scope.declared_type, node.inputs)), 0)
        if dtype and dtype not in INTEGERS:
            return
        by, x = (each if each.dtype else of_type(dtype)._replace(fed=each.fed) for each in (by, x))
        overflows = _may_be(by, -1) and dtype in (0, *LOWEST) and x.low <= LOWEST.get(dtype, x.low)
        by_zero = _may_be(by, 0) and (by.numbers is not None or runtime_version() < _REFUSES_ZERO)
        if not overflows and not by_zero:
            return
        if by.fed:  # looked at whenever it is fed
            self.divisors.add(by.fed)
            return
        scope.require_order(node, *node.inputs)
        if by.numbers is not None:
            raise RefusedGraphError(
                gettext("{node} divides integers by 0 or -1, which can end the whole process", node=node.kind)
            )
        raise RefusedGraphError(
            gettext(
                "{node} divides integers by {name}, which may become 0 or -1 and end the whole process; "
                "expected a constant or a tensor's size there, or Max(..., 1) before it",
                node=node.kind,
                name=repr(node.inputs[1][:80]),
            )
        )


def _is_fmod(found: Mapping[str, Attribute]) -> bool:
    """Return whether Mod computes with floats, which survive any divisor."""
    return "fmod" in found and found["fmod"].number == 1


def _may_be(fact: Fact, number: int) -> bool:
    """Return whether a value may hold a number."""
    if fact.numbers and len(fact.numbers) <= 256 and min(fact.numbers) == fact.low:
        return number in fact.numbers
    return fact.low <= number <= fact.high
