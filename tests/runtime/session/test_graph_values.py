"""Bounds of integers in a graph: whatever is computed lies within them, also where integers wrap around."""

from __future__ import annotations

import random

import numpy as np
import pytest
from onnxnn_runtime.session.graph_fields import Node
from onnxnn_runtime.session.graph_values import OMITTED, UNKNOWN, infer, of_type
from support.models import TYPES

BINARY = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Max": np.maximum,
    "Min": np.minimum,
    "Div": lambda x, y: np.sign(x) * (np.abs(x.astype(object)) // y.astype(object)),
    "Mod": np.mod,
}
UNARY = {"Neg": np.negative, "Abs": np.abs, "Sign": np.sign, "Relu": lambda x: np.maximum(x, 0)}


def node(kind):
    made = Node()
    made.kind = kind
    made.outputs = ["output"]
    return made


def drawn(stream, dtype):
    """Return a value's bounds and a few numbers within them, often at the ends of its type."""
    limits = np.iinfo(dtype)
    picks = [limits.min, limits.max, 0, 1, limits.max // 2 + 1, limits.max // 3, limits.min // 2]
    ends = [int(stream.choice(picks)) + stream.choice((0, 0, 1, -1, 7)) for _ in range(2)]
    low, high = sorted(min(max(end, limits.min), limits.max) for end in ends)
    numbers = [low, high, *(stream.randint(low, high) for _ in range(6))]
    return of_type(TYPES[dtype])._replace(low=low, high=high), np.array(numbers, dtype)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint32"])
@pytest.mark.parametrize("kind", [*BINARY, *UNARY])
def test_results_lie_within_their_bounds(kind, dtype):
    stream = random.Random(kind + dtype)
    for _ in range(60):
        (a, x), (b, y) = drawn(stream, dtype), drawn(stream, dtype)
        if kind in ("Div", "Mod") and b.low <= 0:
            continue
        x, y = x.repeat(len(y)), np.tile(y, len(x))
        with np.errstate(all="ignore"):
            results = BINARY[kind](x, y) if kind in BINARY else UNARY[kind](x)
        (fact,) = infer(node(kind), [a, b] if kind in BINARY else [a])
        assert fact.dtype == TYPES[dtype]
        assert fact.low <= min(results.tolist()), (a, b)
        assert fact.high >= max(results.tolist()), (a, b)


def test_bounds_of_an_unknown_type_follow_from_the_other_input():
    one = of_type(TYPES["int64"])._replace(low=1, high=1)
    (fact,) = infer(node("Max"), [UNKNOWN, one])
    assert (fact.dtype, fact.low, fact.high) == (TYPES["int64"], 1, 2**63 - 1)


def test_clip_without_a_lower_end():
    x, most = of_type(TYPES["int32"]), of_type(TYPES["int32"])._replace(low=5, high=9)
    (fact,) = infer(node("Clip"), [x, OMITTED, most])
    assert (fact.low, fact.high) == (-(2**31), 9)


def test_what_another_domain_computes_is_not_known():
    own = node("Add")
    own.domain = "own"
    assert infer(own, [of_type(1), of_type(1)]) == [UNKNOWN]
