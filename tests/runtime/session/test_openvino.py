"""`device="openvino"`: the results of ONNX Runtime, by another engine."""

from __future__ import annotations

import importlib.util
import os
import pickle  # noqa: TID251  (users pickle models; nothing of ours reads one)
import threading

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.errors import DeviceError, InputError
from onnxnn_runtime.session import engine, openvino_session
from onnxnn_runtime.session.devices import offered_here
from onnxnn_runtime.session.openvino_session import openvino_module, reason_of
from onnxnn_runtime.verification import verify
from support.prepared import run_interpreter

if importlib.util.find_spec("openvino") is None:
    pytest.skip("needs onnxnn-runtime[openvino]", allow_module_level=True)
openvino = openvino_module("openvino")

BOTH = ("cpu", "openvino")

ARRAYS = (
    *("binary", "table", "values", "sequence", "tokens", "image_any_size", "image_classifier"),
    *("image_embedder", "image_fixed", "no_card", "two_inputs", "denoiser", "denoiser_classes"),
)
"""Files whose inputs are arrays that can be made up."""


def inputs_of(model, batch):
    """Return arrays for each input of a graph."""
    random = np.random.RandomState(0)
    found = {}
    for name, (dtype, shape) in model.inputs.items():
        sizes = [each if isinstance(each, int) else 6 for each in shape]
        sizes[:1] = [batch if not isinstance(shape[0], int) else shape[0]]
        if dtype.startswith("float"):
            found[name] = random.rand(*sizes).astype(dtype)
        else:
            found[name] = random.randint(0, 2, sizes).astype(dtype)
    return found


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", ARRAYS)
def test_outputs_are_those_of_onnx_runtime(open_model, name, batch):
    expected, found = (open_model(name, device=device) for device in BOTH)
    assert (found.device, found.inputs, found.outputs) == ("openvino", expected.inputs, expected.outputs)
    feeds = inputs_of(expected, batch)
    for output, values in expected.infer(feeds).items():
        np.testing.assert_allclose(found.infer(feeds)[output], values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["image_classifier", "image_embedder", "image_any_size", "image_in_graph"])
@pytest.mark.parametrize("options", [{}, {"low_memory": True}, {"threads": 1}, {"threads": 2}])
def test_vectors_of_many_files_are_the_same(open_model, folder, monkeypatch, name, options):
    monkeypatch.setattr(engine, "_MANY", 10)
    expected, found = (open_model(name, device=device, **options).embed_named(folder) for device in BOTH)
    assert found.names == expected.names
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-5)


@pytest.mark.filterwarnings("ignore:1 input was left out")
def test_a_gallery_finds_the_same(open_model, folder, image):
    found = [
        [
            hit.name
            for hit in rt.Gallery.build(open_model("image_embedder", device=device), folder).search(
                image, k=3
            )
        ]
        for device in BOTH
    ]
    assert found[0] == found[1]


def test_predictions_are_the_same(open_model, image):
    expected, found = (open_model("image_classifier", device=device).predict(image)[0] for device in BOTH)
    assert found.label == expected.label
    assert found.score == pytest.approx(expected.score, abs=1e-5)


def test_text_is_the_same(open_model):
    """A network with states, which are fed and returned with every token."""
    written = [open_model("text", device=device).generate("春花", length=30, seed=7) for device in BOTH]
    assert written[0] == written[1]


@pytest.mark.parametrize("name", ["denoiser", "denoiser_classes", "loop"])
def test_images_are_the_same(open_model, name):
    images = [open_model(name, device=device).sample(3, seed=0, steps=None) for device in BOTH]
    np.testing.assert_allclose(images[1], images[0], atol=1e-4)


def test_sequences_from_sequences_are_the_same(golden):
    source = [[5, 7, 3], [4, 8, 9, 12, 3, 3], [6]]
    files = [rt.load(golden / "models" / "seq2seq-0.1.0.onnx", device=device) for device in BOTH]
    written = [model.generate(source, max_length=7) for model in files]
    assert written[0] == written[1]
    assert files[1].outputs == files[0].outputs


@pytest.mark.parametrize("name", ["image_classifier", "text", "denoiser", "table"])
def test_a_file_is_verified(open_model, name):
    assert verify(open_model(name, device="openvino")).passed


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("openvino:f64", "at most once each"),
        ("openvino:bf16:f16", "at most once each"),
        ("openvino:cpu:gpu", "at most once each"),
        ("openvino:", "at most once each"),
        ("openvino:npu", "OpenVINO offers .*CPU.* only. Install the driver"),
    ],
)
def test_what_openvino_does_not_offer_is_refused(open_model, monkeypatch, device, message):
    core = FakeCore(openvino_session.shared_core(device="openvino"))
    monkeypatch.setattr(openvino_session, "shared_core", lambda device: core)
    with pytest.raises(DeviceError, match=message):
        open_model("table", device=device)


class FakeCore:
    """A processor and a GPU that compute in float32 alone."""

    def __init__(self, core):
        self._core = core
        self.available_devices = ["CPU", "GPU.0"]

    def get_property(self, target, name):
        return ["FP32"]


@pytest.mark.parametrize(
    ("device", "advice"),
    [
        ("openvino:bf16", "openvino"),
        ("openvino:cpu:bf16", "openvino"),
        ("openvino:bf16:cpu", "openvino"),
        ("openvino:gpu:bf16", "openvino:gpu"),
        ("openvino:bf16:gpu", "openvino:gpu"),
    ],
)
def test_a_type_that_a_device_lacks_is_refused(open_model, monkeypatch, device, advice):
    core = FakeCore(openvino_session.shared_core(device="openvino"))
    monkeypatch.setattr(openvino_session, "shared_core", lambda device: core)
    with pytest.raises(DeviceError, match=rf"does not compute in bf16\. Use device='{advice}', which"):
        open_model("table", device=device)


def test_other_types_are_honoured(open_model, image):
    if "BF16" not in openvino_session.shared_core("openvino").get_property(
        "CPU", "OPTIMIZATION_CAPABILITIES"
    ):
        pytest.skip("this processor has no bfloat16")
    model = open_model("image_classifier", device="openvino:bf16")
    assert model.device == "openvino:bf16"
    hint = model._engine._session.compiled.get_property("INFERENCE_PRECISION_HINT")
    assert hint == openvino.Type.bf16
    score = open_model("image_classifier", device="cpu").predict(image)[0].score
    assert model.predict(image)[0].score == pytest.approx(score, abs=0.02)


def test_float32_is_asked_for(open_model):
    model = open_model("image_classifier", device="openvino", threads=1)
    compiled = model._engine._session.compiled
    assert compiled.get_property("INFERENCE_PRECISION_HINT") == openvino.Type.f32
    assert compiled.get_property("ENABLE_CPU_PINNING") is False, "two models would take the same cores"
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1
    assert compiled.get_property("NUM_STREAMS") == 1


def test_many_runs_at_once_have_a_stream_each(open_model):
    model = open_model("image_classifier", device="openvino", threads=2)
    session = model._engine._for_many()
    assert session.compiled.get_property("NUM_STREAMS") == 2


def test_threads_share_a_session(open_model):
    """What each thread gets is what it asked for, and requests are used again."""
    model = open_model("values", device="openvino")
    alone = {number: model.infer(np.full((1, 2), number, np.float32)) for number in range(8)}
    wrong = []

    def ask(number):
        x = np.full((1, 2), number, np.float32)
        wrong.extend(number for _ in range(50) if not np.array_equal(model.infer(x), alone[number]))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert 1 <= len(model._engine._session._free) <= 9


def test_what_a_run_returned_stays(open_model):
    model = open_model("values", device="openvino")
    first = model.infer(np.ones((1, 2), np.float32))
    kept = first.copy()
    model.infer(np.zeros((1, 2), np.float32))
    np.testing.assert_array_equal(first, kept)


def test_a_copy_runs_there_too(open_model):
    model = pickle.loads(pickle.dumps(open_model("table", device="openvino")))
    assert model.device == "openvino"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_runs_it(open_model):
    model = open_model("values", device="openvino")
    x = np.ones((1, 2), np.float32)
    expected = model.infer(x)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(model.infer(x), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("order", ["0 1 2", "2 1 0", "1 0 2", "1 2"])
def test_a_signal_is_handled_after_models_were_dropped(golden, tmp_path, order):
    """Each plug-in of OpenVINO replaces the stack of signal handlers, and may leave one that is unmapped."""
    done = run_interpreter(["-c", AFTER_DROPPING, golden / "models" / "table.onnx", order], tmp_path)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


AFTER_DROPPING = """
import gc, signal, sys
import onnxnn_runtime as rt
models = {str(number): rt.load(sys.argv[1], device="openvino") for number in range(3)}
for number in sys.argv[2].split():
    del models[number]
    gc.collect()
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts without it
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_run_that_takes_too_long_is_stopped(open_model, monkeypatch):
    model = open_model("values", device="openvino", timeout=5)
    x = np.ones((1, 2), np.float32)
    assert model.infer(x).shape[0] == 1
    session = model._engine._session

    class Slow:
        def start_async(self, *given, **options):
            pass

        def wait_for(self, milliseconds):
            return milliseconds != 5000

        def cancel(self):
            pass

        def wait(self):
            raise RuntimeError("Infer Request was canceled")

    session._free = [Slow()]
    with pytest.raises(InputError, match="one run took more than 5 s and was stopped"):
        model.infer(x)
    assert session._free == []
    assert model.infer(x).shape[0] == 1


def test_what_the_engine_refuses_says_what_to_do(open_model, golden, tmp_path):
    onnx = pytest.importorskip("onnx", reason="makes a model of the operators of classical models")
    node = onnx.helper.make_node("Imputer", ["x"], ["y"], domain="ai.onnx.ml", imputed_value_floats=[0.0])
    infos = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 3]) for name in ("x", "y")
    ]
    graph = onnx.helper.make_graph([node], "g", infos[:1], infos[1:])
    opsets = [onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid("ai.onnx.ml", 2)]
    content = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=7).SerializeToString()
    assert rt.load(content, device="cpu").infer(np.ones((1, 3), np.float32)).shape == (1, 3)
    with pytest.raises(DeviceError, match=r"OpenVINO does not take this model .*Imputer.*device='cpu'"):
        rt.load(content, device="openvino")


def test_texts_are_refused(tmp_path):
    onnx = pytest.importorskip("onnx", reason="makes a model of texts")
    infos = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.STRING, ["batch"]) for name in ("x", "y")
    ]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])], "g", infos[:1], infos[1:]
    )
    opsets = [onnx.helper.make_opsetid("", 13)]
    content = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=7).SerializeToString()
    with pytest.raises(DeviceError, match="takes tensors of numbers, and 'x' of this model is string"):
        rt.load(content, device="openvino")


def test_shapes_that_do_not_fit_are_our_error(open_model):
    onnx = pytest.importorskip("onnx", reason="makes a model of fixed sizes inside")
    infos = [
        onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [k, 3])
        for n, k in (("x", "n"), ("y", "m"))
    ]
    weight = onnx.numpy_helper.from_array(np.ones((2, 3), np.float32), "w")
    node = onnx.helper.make_node("Add", ["x", "w"], ["y"])
    graph = onnx.helper.make_graph([node], "g", infos[:1], infos[1:], [weight])
    opsets = [onnx.helper.make_opsetid("", 13)]
    content = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=7).SerializeToString()
    model = rt.load(content, device="openvino")
    with pytest.raises(InputError, match=r"OpenVINO cannot run it on x .5, 3.*Open it with device='cpu'"):
        model.infer(np.ones((5, 3), np.float32))


def test_no_telemetry_is_sent(golden, tmp_path):
    """Importing it alone sends an event to a server, unless its telemetry is kept out."""
    done = run_interpreter(
        [
            "-c",
            "import sys, onnxnn_runtime as rt\n"
            f"rt.load({str(golden / 'models' / 'table.onnx')!r}, device='openvino')\n"
            "print([name for name in sys.modules if name.startswith('openvino_telemetry')])\n",
        ],
        tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_the_line_that_says_what_is_wrong_is_found():
    text = "Exception from src/core.cpp:1:\nCheck 'a' failed at b:2:\nno such operator\nmore"
    assert reason_of(RuntimeError(text)) == "no such operator"
    text = "Check 'a' failed:\nFrontEnd API failed:\nmany lines\nSummary:\n-- No conversion rule for: X\n"
    assert reason_of(RuntimeError(text)) == "No conversion rule for: X"
    assert reason_of(RuntimeError("")) == "RuntimeError"


def test_it_is_listed(open_model):
    assert "openvino" in offered_here()
