"""Preprocessing as ONNX nodes equals Pillow's to the last bit."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnxnn_runtime import Preprocess

from onnxnn.export import preprocessing as preprocess_graph
from onnxnn.graph.builder import GraphBuilder

SIZE = st.integers(1, 70)
STEP = st.one_of(
    st.tuples(st.sampled_from(["resize", "resize_bicubic"]), SIZE, SIZE),
    st.tuples(st.sampled_from(["resize_short", "resize_short_bicubic"]), st.integers(1, 40)),
    st.tuples(st.just("center_crop"), SIZE, SIZE),
    st.tuples(st.just("pad"), *[st.integers(0, 5)] * 4, st.integers(0, 255)),
    st.just(("grayscale",)),
)


def built(preprocess: Preprocess) -> onnx.ModelProto:
    graph = GraphBuilder(13)
    graph.output("output", preprocess_graph.emit(graph, "input", preprocess))
    return graph.model(
        "preprocess",
        [helper.make_tensor_value_info("input", TensorProto.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", preprocess.channels, "a", "b"])],
        7,
        {},
    )


def session(preprocess: Preprocess) -> onnxruntime.InferenceSession:
    data = built(preprocess).SerializeToString()
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


def assert_equal(preprocess: Preprocess, height: int, width: int, seed: int = 0) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    expected = np.stack([preprocess(image) for image in images])
    found = session(preprocess).run(None, {"input": images})[0]
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=60, deadline=None)
@given(
    color=st.sampled_from(["RGB", "grayscale"]),
    steps=st.lists(STEP, max_size=3),
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    seed=st.integers(0, 10),
)
def test_random_steps_and_sizes(color, steps, height, width, seed):
    assert_equal(Preprocess(color, tuple(steps)), height, width, seed)


@pytest.mark.parametrize(
    ("height", "width"), [(480, 640), (640, 480), (223, 225), (1200, 300), (31, 500), (224, 224)]
)
@pytest.mark.parametrize("resize", ["resize", "resize_bicubic"])
def test_photographs_to_224(height, width, resize):
    assert_equal(Preprocess("RGB", ((resize, 224, 224),)), height, width)


@pytest.mark.parametrize("resize", ["resize", "resize_bicubic"])
@pytest.mark.parametrize(("height", "width"), [(3, 2500), (770, 5), (1, 1), (2, 3)])
def test_extreme_sizes(height, width, resize):
    assert_equal(Preprocess("RGB", ((resize, 7, 9),)), height, width)


@pytest.mark.parametrize("resize", ["resize", "resize_bicubic"])
def test_black_and_white(resize):
    """Where sums are largest, and bicubic weights go beyond 0..255."""
    draw = np.random.default_rng(3).integers(0, 2, (1, 300, 200, 3), dtype=np.uint8) * 255
    for images in (draw, np.full_like(draw, 255), np.zeros_like(draw)):
        preprocess = Preprocess("RGB", ((resize, 31, 47),))
        found = session(preprocess).run(None, {"input": images})[0]
        np.testing.assert_array_equal(found[0], preprocess(images[0]))


@pytest.mark.parametrize("color", ["RGB", "grayscale"])
@pytest.mark.parametrize("resize", ["resize", "resize_bicubic"])
def test_images_are_never_float64(color, resize):
    steps = ((resize, 16, 12), ("center_crop", 20, 10), ("pad", 1, 1, 1, 1, 7), ("grayscale",))
    values = onnx.shape_inference.infer_shapes(built(Preprocess(color, steps)), strict_mode=True).graph
    wide = [
        v.type.tensor_type for v in values.value_info if v.type.tensor_type.elem_type == TensorProto.DOUBLE
    ]
    assert wide  # the weights, which only depend on sizes
    assert max(len(tensor.shape.dim) for tensor in wide) <= 2
