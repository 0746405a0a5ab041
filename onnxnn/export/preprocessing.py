"""`Preprocess` as ONNX nodes: the same numbers as Pillow returns, to the last bit.

Pillow resizes 8-bit images in integers (src/libImaging/Resample.c): the weights of the triangle or cubic
filter are computed in float64 and rounded to 22 binary digits after the point; rows are filtered first
and rounded to 0..255, then columns. Here, too, the weights are computed in float64, of which there are few;
images are float32. A weight is the sum of one with 15 digits after the point and a rest below 2⁻¹⁵, so that
the products with each, and their sums, are multiples of 2⁻¹⁵ and 2⁻²² that float32 holds exactly: for the
rest as long as an output pixel reads at most 770 pixels of a line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from onnx import TensorProto
from onnxnn_runtime import InputSpec, Preprocess
from onnxnn_runtime.card.card import Axis
from onnxnn_runtime.card.preprocess import Step
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import ExportError

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

MIN_OPSET = 13

_PRECISION = 2.0**22
_REST = 2.0**7
"""The rest of a weight has its last 7 binary digits."""

_LUMA = (19595, 38470, 7471)
"""ITU-R 601-2 luma in 65536ths, as Pillow has it (src/libImaging/Convert.c)."""

_HEIGHT, _WIDTH = 2, 3


def check(spec: InputSpec, opset: int) -> None:
    """Refuse what has no preprocessing, and opsets that lack the operators.

    Raises:
        ExportError: The message says what is expected.
    """
    if spec.preprocess is None:
        raise ExportError.coded(
            "E-EXPORT-01",
            'preprocess="graph": expected a network that takes images, got one that takes {kind!r}. '
            'Leave preprocess at "runtime".',
            kind=kind_name(spec.kind),
        )
    if opset < MIN_OPSET:
        raise ExportError.coded(
            "E-EXPORT-01",
            'preprocess="graph": expected opset_version={oldest} or newer, got {opset}. Use a newer one, '
            'or leave preprocess at "runtime".',
            oldest=MIN_OPSET,
            opset=opset,
        )


def network_input(free: Shape, preprocess: Preprocess) -> Shape:
    """Return the network's input after preprocessing, None for the sizes that the image decides."""
    sizes = dict(zip(("height", "width"), preprocess.output_size(), strict=True))
    return free.with_sizes(**{axis: size for axis, size in sizes.items() if size is not None})


def input_axes(free: Shape, preprocess: Preprocess) -> tuple[Axis, ...]:
    """Return the axes of one image before preprocessing: height and width are free where they may be."""
    axes: list[Axis] = ["height", "width", 3]
    for i, (axis, border) in enumerate(_borders(preprocess).items()):
        size = free[axis]
        if size is not None:
            axes[i] = size - border
    return tuple(axes)


def input_min_sizes(min_sizes: Mapping[str, int], preprocess: Preprocess) -> dict[str, int]:
    """Return the smallest image before preprocessing; nothing of what preprocessing resizes or crops."""
    borders = _borders(preprocess)
    found = {axis: size - borders[axis] for axis, size in min_sizes.items() if axis in borders}
    return {axis: size for axis, size in found.items() if size > 1}


def _borders(preprocess: Preprocess) -> dict[str, int]:
    """Return by how much pads enlarge height and width; nothing where a step brings them to a size."""
    if any(step[0] not in ("grayscale", "pad") for step in preprocess.steps):
        return {}
    pads = [step[1:5] for step in preprocess.steps if step[0] == "pad"]  # (left, top, right, bottom)
    return {
        axis: sum(int(pad[1 - i]) + int(pad[3 - i]) for pad in pads)
        for i, axis in enumerate(("height", "width"))
    }


def emit(graph: GraphBuilder, x: Value, preprocess: Preprocess) -> Value:
    """Write the nodes of every step.

    Args:
        graph: Where to.
        x: Images, uint8 (N, H, W, 3) in RGB order.
        preprocess: What to do with them.

    Returns:
        float32 (N, C, H', W') in 0..1.
    """
    steps: dict[str, Callable[..., Value]] = {
        "resize": _resize,
        "resize_short": _resize_short,
        "resize_bicubic": _resize,
        "resize_short_bicubic": _resize_short,
        "center_crop": _center_crop,
        "pad": _pad,
        "grayscale": _grayscale,
    }
    with graph.scope("preprocess"):
        # Transposed while a pixel takes one byte, not four.
        x = _cast(graph, graph.node("Transpose", x, perm=[0, 3, 1, 2]), TensorProto.FLOAT)
        if preprocess.color == "grayscale":
            x = _luma(graph, x)
        for step in preprocess.steps:
            if step[0] != "grayscale" or preprocess.color == "RGB":
                x = steps[str(step[0])](graph, x, step)
        return graph.node("Div", x, graph.constant(255, np.float32))


def _resize(graph: GraphBuilder, x: Value, step: Step) -> Value:
    height, width = (graph.constant([int(size)]) for size in step[1:])
    return _resample(graph, x, height, width, _filter_of(step))


def _resize_short(graph: GraphBuilder, x: Value, step: Step) -> Value:
    height, width = _size(graph, x, _HEIGHT), _size(graph, x, _WIDTH)
    short, side = graph.node("Min", height, width), graph.constant([int(step[1])])
    new = [graph.node("Div", graph.node("Mul", size, side), short) for size in (height, width)]
    return _resample(graph, x, new[0], new[1], _filter_of(step))


def _resample(graph: GraphBuilder, x: Value, height: Value, width: Value, weigh: _Filter) -> Value:
    rows = _filter(graph, _size(graph, x, _WIDTH), width, weigh, along=0)
    x = _joined(graph, *(graph.node("MatMul", x, weights) for weights in rows))
    columns = _filter(graph, _size(graph, x, _HEIGHT), height, weigh, along=1)
    return _joined(graph, *(graph.node("MatMul", weights, x) for weights in columns))


def _joined(graph: GraphBuilder, x: Value, rest: Value) -> Value:
    """Return x, a multiple of 2⁻¹⁵, and a rest rounded to 0..255 together; float32 may not hold the sum."""
    x = graph.node("Add", x, graph.constant(0.5, np.float32))
    whole = graph.node("Floor", x)
    rest = graph.node("Add", graph.node("Sub", x, whole), rest)
    return graph.clip(graph.node("Add", whole, graph.node("Floor", rest)), 0, 255)


def _filter(
    graph: GraphBuilder, size: Value, new_size: Value, weigh: _Filter, along: int
) -> tuple[Value, Value]:
    """Return the weights of one pass, which sum to about 1 for each output pixel, and their rests, float32.

    Input pixels lie along the axis `along` of the matrix, output pixels along the other. (Written
    twice instead of transposed: ONNX Runtime 1.13 fuses Transpose and MatMul into a node that it lacks for
    float64.) The names are those of `precompute_coeffs` in Resample.c.
    """
    half, one = _number(graph, 0.5), _number(graph, 1.0)
    scale = graph.node("Div", _double(graph, size), _double(graph, new_size))
    stretch = graph.node("Max", scale, one)
    support = stretch if weigh is _triangle else graph.node("Mul", stretch, _number(graph, 2.0))
    i = graph.unsqueeze(_range(graph, new_size), along)
    j = graph.unsqueeze(_range(graph, size), 1 - along)
    center = graph.node("Mul", graph.node("Add", i, half), scale)
    low = _whole(graph, graph.node("Add", graph.node("Sub", center, support), half))
    high = _whole(graph, graph.node("Add", graph.node("Add", center, support), half))
    distance = graph.node("Add", graph.node("Sub", j, center), half)
    distance = graph.node("Abs", graph.node("Mul", distance, graph.node("Div", one, stretch)))
    weights = weigh(graph, distance)
    inside = graph.node("And", graph.node("GreaterOrEqual", j, low), graph.node("Less", j, high))
    weights = graph.node("Mul", weights, _cast(graph, inside, TensorProto.DOUBLE))
    # Added up from left to right, as Pillow does: another order may differ in the last bit.
    running = graph.node("CumSum", weights, graph.constant(along))
    total = graph.node("Gather", running, graph.constant([-1]), axis=along)
    whole = graph.node("Mul", graph.node("Div", weights, total), _number(graph, _PRECISION))
    if weigh is not _triangle:  # has weights below 0, which C rounds away from 0 likewise
        half = graph.node("Sub", half, _double(graph, graph.node("Less", whole, _number(graph, 0.0))))
    whole = _cast(graph, _whole(graph, graph.node("Add", whole, half)), TensorProto.FLOAT)

    def times(value: Value, factor: float) -> Value:
        return graph.node("Mul", value, graph.constant(factor, np.float32))

    first = graph.node("Add", times(whole, 1 / _REST), graph.constant(0.5, np.float32))
    first = graph.node("Floor", first)
    rest = graph.node("Sub", whole, times(first, _REST))
    return times(first, _REST / _PRECISION), times(rest, 1 / _PRECISION)


def _triangle(graph: GraphBuilder, distance: Value) -> Value:
    """Return 1 - x, 0 from x = 1 on."""
    return graph.node("Max", graph.node("Sub", _number(graph, 1.0), distance), _number(graph, 0.0))


def _cubic(graph: GraphBuilder, distance: Value) -> Value:
    """Return Keys's cubic with a = -1/2, 0 from x = 2 on, as `bicubic_filter` in Resample.c computes it."""

    def chain(x: Value, *terms: tuple[str, Value]) -> Value:
        for operator, value in terms:
            x = graph.node(operator, x, value)
        return x

    def number(value: float) -> Value:
        return _number(graph, value)

    x = distance
    near = chain(x, ("Mul", number(1.5)), ("Sub", number(2.5)), ("Mul", x), ("Mul", x), ("Add", number(1)))
    far = chain(x, ("Sub", number(5)), ("Mul", x), ("Add", number(8)), ("Mul", x), ("Sub", number(4)))
    far = chain(far, ("Mul", number(-0.5)))
    is_near = _double(graph, graph.node("Less", distance, _number(graph, 1.0)))
    is_far = graph.node("Sub", _double(graph, graph.node("Less", distance, _number(graph, 2.0))), is_near)
    return graph.node("Add", graph.node("Mul", near, is_near), graph.node("Mul", far, is_far))


_Filter = Callable[[GraphBuilder, Value], Value]


def _filter_of(step: Step) -> _Filter:
    return _cubic if str(step[0]).endswith("bicubic") else _triangle


def _whole(graph: GraphBuilder, x: Value) -> Value:
    """Drop what stands after the point, as C does (Floor of float64 came late to ONNX Runtime)."""
    return _cast(graph, _cast(graph, x, TensorProto.INT32), TensorProto.DOUBLE)


def _luma(graph: GraphBuilder, x: Value) -> Value:
    """Return the luma of RGB; a sum of 8 and 16 binary digits is a float32."""
    weights = graph.constant(np.reshape(_LUMA, (1, 3, 1, 1)) / 65536, np.float32)
    total = graph.total(graph.node("Mul", x, weights), [1], keepdims=True)
    return graph.node("Floor", graph.node("Add", total, graph.constant(0.5, np.float32)))


def _grayscale(graph: GraphBuilder, x: Value, step: Step) -> Value:
    grey = _luma(graph, x)
    return graph.node("Concat", grey, grey, grey, axis=1)


def _pad(graph: GraphBuilder, x: Value, step: Step) -> Value:
    left, top, right, bottom, fill = (int(number) for number in step[1:])
    pads = graph.constant([0, 0, top, left, 0, 0, bottom, right])
    return graph.node("Pad", x, pads, graph.constant(fill, np.float32))


def _center_crop(graph: GraphBuilder, x: Value, step: Step) -> Value:
    before, after, starts, ends = [], [], [], []
    two, zero = graph.constant([2]), graph.constant([0])
    for axis, wanted in ((_HEIGHT, step[1]), (_WIDTH, step[2])):
        size, target = _size(graph, x, axis), graph.constant([int(wanted)])
        missing = graph.node("Max", graph.node("Sub", target, size), zero)
        before.append(graph.node("Div", missing, two))
        after.append(graph.node("Sub", missing, before[-1]))
        surplus = graph.node("Max", graph.node("Sub", size, target), zero)
        starts.append(graph.node("Div", surplus, two))
        ends.append(graph.node("Add", starts[-1], target))
    none = graph.constant([0, 0])
    pads = graph.node("Concat", none, *before, none, *after, axis=0)
    x = graph.node("Pad", x, pads, graph.constant(0, np.float32))
    edges = [graph.node("Concat", *values, axis=0) for values in (starts, ends)]
    return graph.node("Slice", x, *edges, graph.constant([_HEIGHT, _WIDTH]))


def _size(graph: GraphBuilder, x: Value, axis: int) -> Value:
    """Return one size of x as int64 (1,)."""
    return graph.node("Gather", graph.node("Shape", x), graph.constant([axis]))


def _range(graph: GraphBuilder, count: Value) -> Value:
    """Return 0, 1, ..., count - 1 as float64."""
    end = graph.squeeze(count, 0)
    return _cast(graph, graph.node("Range", graph.constant(0), end, graph.constant(1)), TensorProto.DOUBLE)


def _double(graph: GraphBuilder, x: Value) -> Value:
    return _cast(graph, x, TensorProto.DOUBLE)


def _cast(graph: GraphBuilder, x: Value, to: TensorProto.DataType) -> Value:
    return graph.node("Cast", x, to=int(to))


def _number(graph: GraphBuilder, value: float) -> Value:
    return graph.constant(value, np.float64)
