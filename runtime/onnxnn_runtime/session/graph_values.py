"""What is known of the values in a graph before it runs: types, and bounds of integers.

Each value has a `Fact`, which is never guessed: what an operator of another domain gives is `UNKNOWN`, of any
type and any number. Integers that could pass the end of their type wrap around in ONNX Runtime, so their
bounds are those of the whole type then.
"""

from __future__ import annotations

import math
from typing import Any, Callable, NamedTuple, Sequence, TypeVar

from .graph_fields import INTEGERS, SMALL, Attribute, Node, Tensor, attributes_of, product, read_tensor

_FLOAT, _UINT8, _INT8, _INT32, _INT64, _BOOL = 1, 2, 3, 6, 7, 9
_BITS = {2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 1, 12: 32, 13: 64}
_UNSIGNED = (2, 4, 9, 12, 13)

LOWEST = {6: -(2**31), 7: -(2**63)}
"""The integers whose division by -1 ends the process; smaller types are computed in wider registers."""

_LARGEST_SIZE = 2**31 - 1
"""A tensor that is not empty and has a longer axis does not fit into the memory that a model may take."""


class Fact(NamedTuple):
    """What is known of one value.

    Args:
        dtype: Number of its type in TensorProto.DataType; 0 where that is not known.
        low, high: Bounds of its numbers, both included.
        filled: Whether it is sure to hold at least one number.
        numbers: Its numbers in order, where it is a small constant; infinity alone for a list of many
            integers, since no tensor has so many axes; else None.
        fed: The input of the whole graph that it is, else "".
        flat: Whether its numbers have one axis, or none.
    """

    dtype: int
    low: float
    high: float
    filled: bool = False
    numbers: Any = None
    fed: str = ""
    flat: bool = False


UNKNOWN = Fact(0, -math.inf, math.inf)
OMITTED = Fact(0, -math.inf, math.inf, True)
"""An optional input that is left out."""


def of_type(dtype: int, filled: bool = False, fed: str = "") -> Fact:
    """Return what is known of a value when only its type is."""
    if dtype not in _BITS:
        return Fact(dtype, -math.inf, math.inf, filled, None, fed)
    bits = _BITS[dtype]
    if dtype in _UNSIGNED:
        return Fact(dtype, 0, 2**bits - 1, filled, None, fed)
    return Fact(dtype, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, filled, None, fed)


def constant_fact(tensor: Tensor) -> Fact:
    """Return what is known of a constant."""
    fact = of_type(tensor.dtype, 0 not in tensor.dims)
    values = tensor.values
    fact = fact._replace(flat=len(tensor.dims) < 2)
    if values is None and tensor.dtype == _INT64 and fact.flat:
        return fact._replace(numbers=[math.inf])
    if not values or len(values) != product(tensor.dims) or not all(map(math.isfinite, values)):
        return fact._replace(numbers=values)
    return _within(fact, min(values), max(values))._replace(numbers=values)


def union(facts: Sequence[Fact]) -> Fact:
    """Return what is true of a value that is one of several."""
    dtypes = {fact.dtype for fact in facts}
    if len(dtypes) != 1:
        return UNKNOWN
    low, high = min(fact.low for fact in facts), max(fact.high for fact in facts)
    return Fact(dtypes.pop(), low, high, all(fact.filled for fact in facts))


def infer(node: Node, inputs: Sequence[Fact]) -> list[Fact]:
    """Return what is known of a node's outputs.

    Args:
        node: Without graphs inside.
        inputs: Its inputs; UNKNOWN for those that are left out.
    """
    if node.domain:
        types = _TYPES.get(f"{node.domain}:{node.kind}", ())
        return [of_type(dtype) for dtype in [*types, *[0] * len(node.outputs)][: len(node.outputs)]]
    return [_output(node, place, inputs) for place in range(len(node.outputs))]


def _output(node: Node, place: int, inputs: Sequence[Fact]) -> Fact:
    kind = node.kind
    first = inputs[0] if inputs else UNKNOWN
    filled = first.filled and (
        kind in _SAME_COUNT or (kind in _FILLED and all(each.filled for each in inputs))
    )
    fact = of_type(_output_type(node, place, inputs), filled)
    if place == 0 and fact.dtype in INTEGERS and kind in _BOUNDS:
        if kind in _ONE_TYPE:
            inputs = [each if each.dtype or each is OMITTED else of_type(fact.dtype) for each in inputs]
        fact = _within(fact, *_BOUNDS[kind](inputs, fact))
    elif kind in _SAME_NUMBERS or place < _SELECTS.get(kind, 0):
        fact = fact._replace(low=first.low, high=first.high)
    if kind in _SAME_NUMBERS or (kind == "Cast" and fact[1:3] == first[1:3]):
        return fact._replace(numbers=first.numbers)
    if kind == "Concat" and sum(len(each.numbers or [0] * SMALL) for each in inputs) < SMALL:
        numbers = [number for each in inputs for number in each.numbers]
        return fact._replace(numbers=numbers, flat=all(each.flat for each in inputs))
    if kind in _FOLDED and fact.dtype in INTEGERS:
        return fact._replace(numbers=_folded(_FOLDED[kind], inputs, of_type(fact.dtype)), flat=True)
    return fact


_Operation = Callable[[float, float], float]


def _folded(operation: _Operation, inputs: Sequence[Fact], limits: Fact) -> Any:
    """Return the numbers that an operation gives for constants; None where they are not known."""
    if len(inputs) != 2 or not all(each.numbers and each.flat for each in inputs):
        return None
    x, y = (each.numbers for each in inputs)
    if len(x) != len(y) and 1 not in (len(x), len(y)):
        return None
    count = max(len(x), len(y))
    found = [operation(a, b) for a, b in zip(x * (count // len(x)), y * (count // len(y)))]
    return found if all(limits.low <= each <= limits.high for each in found) else None


def _within(fact: Fact, low: float, high: float) -> Fact:
    """Return a fact with bounds, where its type holds both."""
    if fact.low <= low <= high <= fact.high:
        return fact._replace(low=low, high=high)
    return fact


def _output_type(node: Node, place: int, inputs: Sequence[Fact]) -> int:
    kind = node.kind
    if kind in _TYPES:
        types = _TYPES[kind]
        return types[min(place, len(types) - 1)]
    if kind in _TYPE_ATTRIBUTES:
        if place:
            return 0
        found = attributes_of(node, "to", "dtype", "output_dtype", "output_datatype", "value")
        return _type_by_attribute(kind, found, inputs)
    if kind in _ONE_TYPE:
        return next((each.dtype for each in inputs[kind == "Where" :] if each.dtype), 0)
    source = _TYPE_OF_INPUT.get(kind, 0)
    if source is None or source >= len(inputs) or (place and kind not in _ALIKE):
        return 0
    return inputs[source].dtype


def _type_by_attribute(kind: str, found: dict[str, Attribute], inputs: Sequence[Fact]) -> int:
    if "value" in found:
        tensor = found["value"].tensor
        return 0 if tensor is None else read_tensor(tensor).dtype
    given = [each.number for name, each in found.items() if name != "value"]
    if given:
        return given[0] if isinstance(given[0], int) else 0
    default = _TYPE_ATTRIBUTES[kind]
    if kind == "QuantizeLinear" and len(inputs) > 2:
        return inputs[2].dtype
    if default:
        return default
    source = 1 if kind == "DequantizeLinear" else 0
    return inputs[source].dtype if source < len(inputs) and kind != "Cast" else 0


_Some = TypeVar("_Some")


def _each(value: _Some, kinds: str) -> dict[str, _Some]:
    return dict.fromkeys(kinds.split(), value)


_TYPES: dict[str, Sequence[int]] = {
    **_each([_INT64], "Shape Size ArgMax ArgMin NonZero NonMaxSuppression"),
    **_each([_BOOL], "And Or Xor Not Equal Greater Less GreaterOrEqual LessOrEqual IsNaN IsInf"),
    **_each([_INT32], "ConvInteger MatMulInteger"),
    "DynamicQuantizeLinear": [_UINT8, _FLOAT, _UINT8],
    "TfIdfVectorizer": [_FLOAT],
    **_each(
        [0, _FLOAT], "ai.onnx.ml:LinearClassifier ai.onnx.ml:SVMClassifier ai.onnx.ml:TreeEnsembleClassifier"
    ),
    **_each([_FLOAT], "ai.onnx.ml:LinearRegressor ai.onnx.ml:SVMRegressor ai.onnx.ml:TreeEnsembleRegressor"),
    **_each([_FLOAT], "ai.onnx.ml:Normalizer ai.onnx.ml:Scaler ai.onnx.ml:FeatureVectorizer"),
}
"""Operators whose outputs are of the same types whatever goes in; 0 where that is not known."""

_TYPE_ATTRIBUTES: dict[str, int] = {
    **_each(_FLOAT, "RandomNormal RandomUniform HannWindow HammingWindow BlackmanWindow MelWeightMatrix"),
    **_each(0, "RandomNormalLike RandomUniformLike EyeLike Bernoulli Cast DequantizeLinear"),
    "ConstantOfShape": _FLOAT,
    "Multinomial": _INT32,
    "QuantizeLinear": _UINT8,
}
"""Operators whose attributes name the type -> the type without them; 0 for that of the input."""

_ONE_TYPE = frozenset(_each(0, "Add Sub Mul Div Mod Max Min Concat Clip Range Where"))
"""Operators whose inputs are all of the output's type, but for the condition of Where."""

_TYPE_OF_INPUT: dict[str, int | None] = {
    "CastLike": 1,
    "OneHot": 2,
    **_each(7, "QLinearConv QLinearMatMul"),
    **_each(None, "BitCast ImageDecoder Loop If Scan SequenceMap Constant SequenceAt SequenceLength"),
    **_each(None, "Optional OptionalGetElement OptionalHasElement SequenceConstruct SequenceEmpty"),
    **_each(None, "SequenceErase SequenceInsert SplitToSequence ConcatFromSequence"),
    **_each(None, "RegexFullMatch StringConcat StringNormalizer StringSplit"),
}
"""Operators whose first output is not of their first input's type: of which input's; None if unknown."""

_ALIKE = frozenset(_each(0, "Split LSTM GRU RNN"))
"""Operators whose outputs are all of one type; further outputs of others are not known."""

_SELECTS = {
    **_each(1, "Gather GatherElements GatherND Slice Compress Tile Expand Transpose TopK Unique"),
    **_each(1, "DepthToSpace SpaceToDepth Dropout"),
    "Split": 1_000_000,
}
"""Operators whose first outputs hold numbers of their first input and no others -> how many outputs."""

_SAME_NUMBERS = frozenset(_each(0, "Identity Reshape Squeeze Unsqueeze Flatten"))
"""Operators that change the shape alone."""

_SAME_COUNT = frozenset([*_SAME_NUMBERS, "Transpose", "Cast"])
"""Operators whose output holds as many numbers as their first input."""

_FILLED = frozenset(
    _each(
        0,
        """
        Concat Add Sub Mul Div Mod Pow Sqrt Exp Log Abs Neg Sign Floor Ceil Round Max Min Where Clip
        Equal Greater Less Not And Or Gather MatMul Gemm Conv Relu LeakyRelu Sigmoid HardSigmoid HardSwish
        Tanh Erf Gelu Softmax LogSoftmax Softplus Elu PRelu BatchNormalization InstanceNormalization
        LayerNormalization GroupNormalization GlobalAveragePool GlobalMaxPool ReduceMean ReduceSum ReduceMax
        ReduceMin ArgMax ArgMin Dropout Size
        """,
    )
)
"""Operators whose outputs hold a number wherever each of their inputs does."""

_Bounds = Callable[[Sequence[Fact], Fact], "tuple[float, float]"]


def _corners(operation: _Operation) -> _Bounds:
    """Return the rule of an operation that is largest and smallest where its inputs are."""

    def bounds(inputs: Sequence[Fact], fact: Fact) -> tuple[float, float]:
        if len(inputs) != 2 or not all(math.isfinite(end) for each in inputs for end in each[1:3]):
            return fact.low, fact.high
        found = [operation(x, y) for x in inputs[0][1:3] for y in inputs[1][1:3]]
        return min(found), max(found)

    return bounds


def _union_of(start: int) -> _Bounds:
    return lambda inputs, fact: union(inputs[start:])[1:3] if inputs[start:] else fact[1:3]


def _size(inputs: Sequence[Fact], fact: Fact) -> tuple[float, float]:
    return (1, _LARGEST_SIZE) if inputs and inputs[0].filled else (0, fact.high)


def _index(inputs: Sequence[Fact], fact: Fact) -> tuple[float, float]:
    return 0, _LARGEST_SIZE


def _cast(inputs: Sequence[Fact], fact: Fact) -> tuple[float, float]:
    if not math.isfinite(inputs[0].low) or not math.isfinite(inputs[0].high):
        return fact[1:3]
    return math.trunc(inputs[0].low), math.trunc(inputs[0].high)


def _clip(inputs: Sequence[Fact], fact: Fact) -> tuple[float, float]:
    x = inputs[0]
    least, most = (inputs[place] if place < len(inputs) and inputs[place].dtype else None for place in (1, 2))
    # min(max(x, least), most), as ONNX defines it also where least is above most.
    low, high = x.low, x.high
    if least is not None:
        low, high = max(low, least.low), max(high, least.high)
    if most is not None:
        low, high = min(low, most.low), min(high, most.high)
    return low, high


def _abs(inputs: Sequence[Fact], fact: Fact) -> tuple[float, float]:
    low, high = inputs[0][1:3]
    return (0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))


def _div(inputs: Sequence[Fact], fact: Fact) -> tuple[float, float]:
    x, by = inputs[0], inputs[1] if len(inputs) > 1 else UNKNOWN
    if by.low < 0:
        return fact[1:3]
    if x.low >= 0 and by.low > 0 and math.isfinite(by.high):
        return x.low // by.high, x.high // by.low
    return min(x.low, 0), max(x.high, 0)


def _mod(inputs: Sequence[Fact], fact: Fact) -> tuple[float, float]:
    x, by = inputs[0], inputs[1] if len(inputs) > 1 else UNKNOWN
    if by.low < 0 or x.low < 0:  # the sign is that of either, by the attribute fmod
        return fact[1:3]
    return 0, min(x.high, max(by.high - 1, 0))


_FOLDED: dict[str, _Operation] = {
    "Add": lambda x, y: x + y,
    "Sub": lambda x, y: x - y,
    "Mul": lambda x, y: x * y,
    "Max": max,
    "Min": min,
}
"""Operators that are computed where all of their inputs are small constants."""

_BOUNDS: dict[str, _Bounds] = {
    "Shape": _size,
    "Size": _size,
    "ArgMax": _index,
    "ArgMin": _index,
    "NonZero": _index,
    "Cast": _cast,
    "Add": _corners(lambda x, y: x + y),
    "Sub": _corners(lambda x, y: x - y),
    "Mul": _corners(lambda x, y: x * y),
    "Div": _div,
    "Mod": _mod,
    "Neg": lambda inputs, fact: (-inputs[0].high, -inputs[0].low),
    "Abs": _abs,
    "Relu": lambda inputs, fact: (max(inputs[0].low, 0), max(inputs[0].high, 0)),
    "Sign": lambda inputs, fact: (-1, 1),
    "Max": lambda inputs, fact: (max(each.low for each in inputs), max(each.high for each in inputs)),
    "Min": lambda inputs, fact: (min(each.low for each in inputs), min(each.high for each in inputs)),
    "Clip": _clip,
    "Concat": _union_of(0),
    "Where": _union_of(1),
    "Range": lambda inputs, fact: union(inputs[:2])[1:3],
}
