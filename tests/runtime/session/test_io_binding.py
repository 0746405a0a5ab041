"""IO binding: the results of plain runs, in places that are used again. The processor stands in for a GPU."""

from __future__ import annotations

import threading

import numpy as np
import onnxruntime
import pytest
from onnxnn_runtime.session.io_binding import BoundRuns, can_bind
from onnxnn_runtime.session.onnxruntime_session import OnnxRuntimeSession


@pytest.fixture
def bound(monkeypatch):
    """Have a model's session run with places, and count those that are made."""
    made = []
    real = onnxruntime.OrtValue.ortvalue_from_numpy
    monkeypatch.setattr(
        onnxruntime.OrtValue,
        "ortvalue_from_numpy",
        lambda array, *more: made.append(array.shape) or real(array, *more),
    )

    def bound(model):
        session = model._engine._session.session
        runs = BoundRuns(onnxruntime, session, "cpu", 0)
        model._engine._session = OnnxRuntimeSession(session, "cpu", {}, runs)
        return made

    return bound


@pytest.mark.filterwarnings("ignore:1 input was left out")
@pytest.mark.parametrize("name", ["image_classifier", "image_embedder", "image_any_size"])
def test_vectors_are_those_of_plain_runs(open_model, folder, bound, name):
    expected = open_model(name, device="cpu", threads=1).embed(folder)
    model = open_model(name, device="cpu", threads=1)
    made = bound(model)
    np.testing.assert_array_equal(model.embed(folder), expected)
    if name != "image_any_size":
        assert len(made) == len(set(made)) == 1  # 40 images in batches of two
    np.testing.assert_array_equal(
        model.embed(folder, batch_size=7), open_model(name, threads=1).embed(folder, batch_size=7)
    )


@pytest.mark.parametrize("name", ["denoiser", "denoiser_classes", "loop"])
def test_images_are_those_of_plain_runs(open_model, bound, name):
    expected = open_model(name, device="cpu").sample(3, seed=0)
    model = open_model(name, device="cpu")
    made = bound(model)
    np.testing.assert_array_equal(model.sample(3, seed=0), expected)
    assert len(made) <= 2 * len(model.inputs)  # not one for each step
    np.testing.assert_array_equal(model.sample(3, seed=0), expected)


def test_text_is_that_of_plain_runs(open_model, bound):
    model = open_model("text", device="cpu")
    bound(model)
    assert model.generate("春花", length=30, seed=7) == open_model("text").generate("春花", length=30, seed=7)


def test_what_a_run_returned_stays(open_model, bound):
    model = open_model("values", device="cpu")
    bound(model)
    first = model.infer(np.ones((1, 2), np.float32))
    kept = first.copy()
    model.infer(np.zeros((1, 2), np.float32))
    np.testing.assert_array_equal(first, kept)


def test_an_array_of_the_caller_is_not_changed(open_model, bound):
    model = open_model("values", device="cpu")
    bound(model)
    x = np.ones((1, 2), np.float32)
    model.infer(x)
    model.infer(np.zeros((1, 2), np.float32))
    np.testing.assert_array_equal(x, 1)


def test_threads_have_places_of_their_own(open_model, bound):
    model = open_model("values", device="cpu", threads=1)
    expected = {number: model.infer(np.full((1, 2), number, np.float32)) for number in range(6)}
    bound(model)
    wrong = []

    def ask(number):
        x = np.full((1, 2), number, np.float32)
        wrong.extend(number for _ in range(100) if not np.array_equal(model.infer(x), expected[number]))

    threads = [threading.Thread(target=ask, args=(number,)) for number in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_input_that_is_left_out_has_its_default_again(bound):
    onnx = pytest.importorskip("onnx", reason="makes a model of an input that has a default")
    infos = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "xyz"]
    default = onnx.numpy_helper.from_array(np.array([1, 2], np.float32), "y")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "y"], ["z"])], "g", infos[:2], infos[2:], [default]
    )
    opsets = [onnx.helper.make_opsetid("", 13)]
    content = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=7).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    runs = BoundRuns(onnxruntime, session, "cpu", 0)
    x = np.zeros(2, np.float32)
    for _ in range(2):
        assert runs.run(["z"], {"x": x})[0].tolist() == [1, 2]
        assert runs.run(["z"], {"x": x, "y": x + 5})[0].tolist() == [5, 5]


def test_a_run_that_fails_spoils_no_other(open_model):
    session = open_model("values", device="cpu")._engine._session.session
    runs = BoundRuns(onnxruntime, session, "cpu", 0)
    name, output = session.get_inputs()[0].name, session.get_outputs()[0].name
    with pytest.raises(Exception, match=r"(?i)dimension|shape|rank"):
        runs.run([output], {name: np.zeros((1, 5), np.float32)})
    assert runs.run([output], {name: np.zeros((1, 2), np.float32)})[0].shape[0] == 1


def test_where_it_can_be_done(open_model, monkeypatch):
    session = open_model("values", device="cpu")._engine._session.session
    assert can_bind(onnxruntime, session)
    monkeypatch.delattr(onnxruntime.OrtValue, "update_inplace")
    assert not can_bind(onnxruntime, session)
