"""Preprocessing as ONNX nodes equals Pillow's to the last bit."""

from __future__ import annotations

import numpy as np
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


def session(preprocess: Preprocess) -> onnxruntime.InferenceSession:
    graph = GraphBuilder(13)
    graph.output("output", preprocess_graph.emit(graph, "input", preprocess))
    model = graph.model(
        "preprocess",
        [helper.make_tensor_value_info("input", TensorProto.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", preprocess.channels, "a", "b"])],
        7,
        {},
    )
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


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
