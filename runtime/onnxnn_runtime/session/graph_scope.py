"""The values of a graph by name, as seen from inside it."""

from __future__ import annotations

from typing import Mapping, Sequence

from onnxnn_runtime.messages.catalogue import gettext

from .graph_fields import Node, read_type
from .graph_values import OMITTED, UNKNOWN, Fact
from .protobuf import Value, message_of


class RefusedGraphError(Exception):
    """A graph is whole, and must not run."""


class Scope:
    """What is known of the values in one graph, seen too from the graphs inside it.

    Args:
        outer: The scope around it; None for the whole graph and for functions.
        depth: How many graphs lie around it.
        given: The attributes of a function's call.
        callers: Names of the functions that are being called.
        repeats: How often the loops around it run it.
    """

    def __init__(
        self,
        outer: Scope | None = None,
        depth: int = 0,
        given: Mapping[str, memoryview] | None = None,
        callers: tuple[str, ...] = (),
        repeats: int = 1,
    ) -> None:
        self.outer = outer
        self.depth = depth
        self.given = given or {}
        self.callers = callers
        self.repeats = repeats
        self.facts: dict[str, Fact] = {}
        self.made: set[str] = set()
        self._declared: list[memoryview] = []
        self._types: dict[str, int] = {}

    def find(self, name: str) -> Fact:
        """Return what is known of a value."""
        if not name:
            return OMITTED
        holder = self._holder(name)
        if holder is None or name not in holder.facts:
            return UNKNOWN
        return holder.facts[name]

    def require_order(self, node: Node, *names: str) -> None:
        """Refuse a node that uses what a later one makes: ONNX Runtime sorts them, and no check sees it."""
        for name in names:
            holder = self._holder(name)
            if holder is not None and name not in holder.facts:
                raise RefusedGraphError(
                    gettext(
                        "{node} uses {name} before the node that makes it; expected the nodes in the order "
                        "in which they run, as onnx.checker does",
                        node=node.kind,
                        name=repr(name[:80]),
                    )
                )

    def _holder(self, name: str) -> Scope | None:
        """Return the scope that a value belongs to."""
        scope: Scope | None = self
        while scope is not None and name not in scope.facts and name not in scope.made:
            scope = scope.outer
        return scope

    def make(self, nodes: Sequence[Node]) -> None:
        """Note which values the nodes of this graph make.

        Raises:
            RefusedGraphError: A name stands for two values: ONNX Runtime lets a Constant replace an
                initializer, also for the nodes before it.
        """
        for name in (name for node in nodes for name in node.outputs if name):
            if name in self.made or name in self.facts:
                raise RefusedGraphError(
                    gettext(
                        "its value {name} is made twice; expected each name once, as onnx.checker does",
                        name=repr(name[:80]),
                    )
                )
            self.made.add(name)

    def declare(self, value: Value) -> str:
        """Note what a ValueInfoProto declares; return the value's name."""
        self._declared.append(message_of(value))
        return read_type(self._declared[-1])[0]

    def declared_type(self, name: str) -> int:
        """Return the type that the file declares for a value; ONNX Runtime refuses a wrong one.

        0 where it declares none, or two: not all of them are compared.
        """
        while self._declared:
            each, dtype = read_type(self._declared.pop())
            self._types[each] = dtype if self._types.get(each, dtype) == dtype else 0
        return self._types.get(name, 0)
