"""The values of a graph by name, as seen from inside it."""

from __future__ import annotations

from typing import Mapping

from .graph_fields import Node, read_type
from .graph_values import OMITTED, UNKNOWN, Fact

__all__ = ["RefusedGraphError", "Scope"]


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
        self.declared: list[memoryview] = []

    def find(self, name: str) -> Fact:
        """Return what is known of a value."""
        holder = self._holder(name)
        if holder is None or name not in holder.facts:
            return UNKNOWN if name else OMITTED
        return holder.facts[name]

    def require_order(self, node: Node, *names: str) -> None:
        """Refuse a node that uses what a later one makes: ONNX Runtime sorts them, and no check sees it."""
        for name in names:
            holder = self._holder(name)
            if holder is not None and name not in holder.facts:
                raise RefusedGraphError(
                    f"{node.kind} uses {name[:80]!r} before the node that makes it; expected the nodes in "
                    "the order in which they run, as onnx.checker does"
                )

    def _holder(self, name: str) -> Scope | None:
        """Return the scope that a value belongs to."""
        scope: Scope | None = self
        while scope is not None and name not in scope.facts and name not in scope.made:
            scope = scope.outer
        return scope

    def declared_type(self, name: str) -> int:
        """Return the type that the file declares for a value; ONNX Runtime refuses a wrong one."""
        return max((dtype for each, dtype in map(read_type, self.declared) if each == name), default=0)
