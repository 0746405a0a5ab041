"""Devices by name on ONNX Runtime: which provider a name means, and that it is honoured or refused."""

from __future__ import annotations

from types import SimpleNamespace

import onnxruntime
import pytest
from onnxnn_runtime import DeviceError, load
from onnxnn_runtime.session import devices
from onnxnn_runtime.session.devices import (
    NAMED,
    create_session,
    is_processor,
    offered_here,
    operators_text,
    place,
)
from onnxnn_runtime.session.session import Share

CPU = "CPUExecutionProvider"


class FakeSession:
    """A session on the providers that really start."""

    starts = (CPU,)
    runs = None
    """How many operators each provider runs; None of an ONNX Runtime that does not say."""
    given = None

    def __init__(self, data, sess_options=None, providers=(), enable_fallback=1):
        assert enable_fallback == 0
        type(self).given = sess_options
        names = [each if isinstance(each, str) else each[0] for each in providers]
        self._used = [name for name in names if name in self.starts] or [CPU]

    def get_providers(self):
        return self._used

    def disable_fallback(self):
        pass

    def run(self, *given):
        raise NotImplementedError

    def get_inputs(self):
        return [SimpleNamespace(name="x", type="tensor(string)")]

    get_outputs = get_inputs

    def get_provider_graph_assignment_info(self):
        nodes = self.runs or {}
        return [
            SimpleNamespace(ep_name=name, get_nodes=lambda count=count: [None] * count)
            for name, count in nodes.items()
        ]


@pytest.fixture
def offers(monkeypatch):
    """Have ONNX Runtime offer other providers, which do not start unless `starts` says so."""

    def offers(*providers, starts=(CPU,), runs=None, plugins=()):
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*providers, CPU])
        monkeypatch.setattr(onnxruntime, "get_ep_devices", lambda: list(plugins), raising=False)
        monkeypatch.setattr(onnxruntime, "InferenceSession", FakeSession)
        monkeypatch.setattr(FakeSession, "starts", starts)
        monkeypatch.setattr(FakeSession, "runs", runs)

    return offers


def device_of(name):
    return create_session(b"", place(name), Share(0)).device


@pytest.mark.parametrize(
    "device",
    ["gpu", "tpu:1", "cuda:x", "cuda:", "cpu:1", "auto:0", "xnnpack:1", "", ":", None, 3, "CUDA", "cuda:1:2"],
)
def test_an_unknown_device_is_refused(offers, device):
    offers("XnnpackExecutionProvider", "CUDAExecutionProvider")
    with pytest.raises(DeviceError, match="expected 'auto', 'cpu', 'cuda' or 'cuda:1', 'openvino', 'coreml'"):
        place(device)


@pytest.mark.parametrize(
    ("device", "advice"),
    [
        ("cuda", "Install onnxruntime-gpu instead of"),
        ("cuda:1", "Install onnxruntime-gpu instead of"),
        ("tensorrt", "Install onnxruntime-gpu instead of"),
        ("dml", "Install onnxruntime-directml instead of"),
        ("coreml", "onnxruntime for macOS. Use device='cpu'"),
        ("xnnpack", "--use_xnnpack. Use device='cpu'"),
    ],
)
def test_a_device_that_is_not_offered_says_what_to_install(offers, golden, device, advice):
    offers()
    with pytest.raises(DeviceError, match=f"device='{device}': ONNX Runtime offers {CPU} only. .*{advice}"):
        load(golden / "models" / "table.onnx", device=device)


def test_auto_without_cuda_is_the_processor(open_model, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    assert open_model("table").device == "cpu"
    assert open_model("table", device="cpu").device == "cpu"


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_device_that_does_not_start_is_refused(offers, name):
    offers(NAMED[name].provider)
    with pytest.raises(DeviceError, match=rf"device='{name}': did not start, .* {CPU}"):
        device_of(name)


def test_auto_leaves_what_does_not_start(offers):
    offers("CUDAExecutionProvider")
    assert device_of("auto") == "cpu"


def test_cuda_that_fails_loudly_is_refused_or_left(offers, monkeypatch):
    class Fails(FakeSession):
        def __init__(self, data, sess_options=None, providers=(), enable_fallback=1):
            if len(providers) > 1:
                raise RuntimeError("CUDA failure 100: no device\nmore")
            super().__init__(data, sess_options, providers, enable_fallback)

    offers("CUDAExecutionProvider")
    monkeypatch.setattr(onnxruntime, "InferenceSession", Fails)
    with pytest.raises(DeviceError, match=r"did not start \(CUDA failure 100: no device\)"):
        device_of("cuda")
    assert device_of("auto") == "cpu"


def test_cuda_that_starts_is_named_with_its_number(offers):
    offers("CUDAExecutionProvider", starts=("CUDAExecutionProvider", CPU))
    assert device_of("cuda:1") == "cuda:1"
    assert device_of("auto") == "cuda:0"


@pytest.mark.parametrize(
    ("device", "provider"),
    [
        ("coreml", "CoreMLExecutionProvider"),
        ("dml:1", "DmlExecutionProvider"),
        ("xnnpack", "XnnpackExecutionProvider"),
        ("qnn", "QNNExecutionProvider"),
        ("QNNExecutionProvider", "QNNExecutionProvider"),
    ],
)
def test_a_provider_that_starts_is_honoured(offers, device, provider):
    offers(provider, starts=(provider, CPU), runs={provider: 3, CPU: 1})
    assert device_of(device) == device
    first = place(device).providers[0]
    assert first == (provider if ":" not in device else (provider, {"device_id": 1}))
    assert place(device).providers[1:] == (CPU,)


def test_directml_plans_no_memory(offers):
    offers("DmlExecutionProvider", starts=("DmlExecutionProvider",))
    device_of("dml")
    assert FakeSession.given.enable_mem_pattern is False


@pytest.mark.parametrize("runs", [{CPU: 4}, {"CUDAExecutionProvider": 1, CPU: 4}])
def test_a_provider_that_runs_no_operator_is_refused(offers, runs):
    offers("CoreMLExecutionProvider", starts=("CoreMLExecutionProvider",), runs=runs)
    with pytest.raises(DeviceError, match=r"takes none of the operators of this model, .* run on"):
        device_of("coreml")


def test_a_real_provider_that_runs_no_operator_is_refused(golden):
    """Azure's is in the wheels for the processor, starts, and runs nothing of a graph."""
    if "AzureExecutionProvider" not in onnxruntime.get_available_providers() or not hasattr(
        onnxruntime.InferenceSession, "get_provider_graph_assignment_info"
    ):
        pytest.skip("needs an ONNX Runtime that says which provider runs what, and Azure's provider")
    with pytest.raises(DeviceError, match="device='azure': takes none of the operators"):
        load(golden / "models" / "table.onnx", device="azure")


@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_operators_that_run_on_the_processor_are_counted(offers, device):
    runs = {"CUDAExecutionProvider": 118, CPU: 4}
    offers("CUDAExecutionProvider", starts=("CUDAExecutionProvider", CPU), runs=runs)
    session = create_session(b"", place(device), Share(0))
    assert session.operators == {"cuda": 118, "cpu": 4}
    assert operators_text(session.device, session.operators) == "118 of 122 operators run on cuda:0, 4 on cpu"
    assert FakeSession.given.get_session_config_entry("session.record_ep_graph_assignment_info") == "1"


def test_all_operators_on_a_device_are_all():
    assert operators_text("tensorrt:1", {"tensorrt": 7}) == "all 7 operators run on tensorrt:1"
    found = operators_text("AcmeExecutionProvider", {"acme": 7, "cuda": 1, "cpu": 2})
    assert found == "7 of 10 operators run on AcmeExecutionProvider, 1 on cuda, 2 on cpu"


def test_the_processor_counts_none(open_model):
    assert open_model("table", device="cpu").operators == {}


def test_a_plug_in_provider_is_found_by_its_name(offers, monkeypatch):
    first, second = (SimpleNamespace(ep_name="AcmeExecutionProvider", number=number) for number in (0, 1))
    offers(plugins=[first, second, SimpleNamespace(ep_name=CPU)])
    for name in ("acme", "AcmeExecutionProvider"):
        placement = place(name)
        assert (placement.providers, placement.plugin) == (("AcmeExecutionProvider",), (first,))
    assert place("acme:1").plugin == (second,)
    with pytest.raises(DeviceError, match="expected 'auto'"):
        place("other")
    with pytest.raises(DeviceError, match="no device of this number"):
        place("acme:2")


@pytest.mark.skipif(not hasattr(onnxruntime, "get_ep_devices"), reason="needs ONNX Runtime 1.22 or newer")
def test_a_session_is_made_on_the_device_of_a_plug_in(open_model, monkeypatch):
    """The processor stands in for a plug-in: it is a device of ONNX Runtime, too."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["OtherExecutionProvider"])
    placement = place(CPU)
    assert placement.plugin
    model = open_model("image_classifier", device=CPU)
    assert model._engine._session.session.get_providers()[0] == CPU
    assert model.infer([[[[0.5] * 6] * 6] * 3]).shape[0] == 1


def test_auto_takes_cuda_of_a_plug_in(offers):
    offers(plugins=[SimpleNamespace(ep_name="CUDAExecutionProvider")])
    assert place("auto").plugin
    assert place("cuda").plugin


def test_devices_are_listed(offers):
    offers("CUDAExecutionProvider", "QNNExecutionProvider", "AzureExecutionProvider")
    assert offered_here()[:3] == ["cpu", "cuda", "qnn"]
    assert "azure" not in offered_here()


def test_onnx_runtimes_own_openvino_is_no_engine(offers, monkeypatch):
    """Each name that is listed means what it is listed for."""
    offers("OpenVINOExecutionProvider")
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda _: None)
    assert offered_here() == ["cpu", "OpenVINOExecutionProvider"]
    assert place(offered_here()[1]).providers[0] == "OpenVINOExecutionProvider"


@pytest.mark.parametrize("device", ["tensorrt", "tensorrt:0", "tensorrt:1", "tensorrt:12"])
def test_what_tensorrt_lacks_runs_on_the_same_gpu(offers, device):
    offers("TensorrtExecutionProvider", "CUDAExecutionProvider")
    first, second, _ = place(device).providers
    assert first[1]["device_id"] == second[1]["device_id"] == int(device.partition(":")[2] or 0)
    assert second[0] == "CUDAExecutionProvider"


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("cpu", True),
        ("xnnpack", True),
        ("openvino", True),
        ("openvino:bf16", True),
        ("openvino:gpu", False),
        ("openvino:npu:f16", False),
        ("cuda:0", False),
        ("coreml", False),
    ],
)
def test_what_runs_on_the_processor(device, expected):
    assert is_processor(device) is expected
