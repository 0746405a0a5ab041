from __future__ import annotations

import onnxruntime
import pytest
from onnxnn_runtime import DeviceError, load
from onnxnn_runtime.session import providers
from onnxnn_runtime.session.providers import place


class FakeSession:
    """A session on the providers that really start."""

    starts = ("CPUExecutionProvider",)

    def __init__(self, data, sess_options=None, providers=()):
        names = [each if isinstance(each, str) else each[0] for each in providers]
        self._used = [name for name in names if name in self.starts]

    def get_providers(self):
        return self._used

    def disable_fallback(self):
        pass


@pytest.fixture
def cuda_offered(monkeypatch):
    """An ONNX Runtime that offers CUDA, which does not start."""
    offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    monkeypatch.setattr(onnxruntime, "InferenceSession", FakeSession)


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cpu:1", "auto:0", "", None, 3, "CUDA"])
def test_an_unknown_device_is_refused(device):
    with pytest.raises(DeviceError, match="expected 'auto', 'cpu', 'cuda' or 'cuda:1'"):
        place(device)


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_that_is_not_offered_is_refused(monkeypatch, golden, device):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match=f"device='{device}': ONNX Runtime offers CPUExec"):
        load(golden / "models" / "table.onnx", device=device)


def test_auto_without_cuda_is_the_processor(open_model, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert open_model("table").device == "cpu"
    assert open_model("table", device="cpu").device == "cpu"


def test_cuda_that_does_not_start_is_refused_or_left(cuda_offered):
    with pytest.raises(DeviceError, match=r"device='cuda:1': did not start, .* CPUExecutionProvider"):
        providers.create_session(b"", place("cuda:1"), 0)
    assert providers.create_session(b"", place("auto"), 0)[1] == "cpu"


def test_cuda_that_fails_loudly_is_refused_or_left(cuda_offered, monkeypatch):
    class Fails(FakeSession):
        def __init__(self, data, sess_options=None, providers=()):
            if len(providers) > 1:
                raise RuntimeError("CUDA failure 100: no device\nmore")
            super().__init__(data, sess_options, providers)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Fails)
    with pytest.raises(DeviceError, match=r"did not start \(CUDA failure 100: no device\)"):
        providers.create_session(b"", place("cuda"), 0)
    assert providers.create_session(b"", place("auto"), 0)[1] == "cpu"


def test_cuda_that_starts_is_named_with_its_number(cuda_offered, monkeypatch):
    monkeypatch.setattr(FakeSession, "starts", ("CUDAExecutionProvider", "CPUExecutionProvider"))
    assert providers.create_session(b"", place("cuda:1"), 0)[1] == "cuda:1"
    assert providers.create_session(b"", place("auto"), 0)[1] == "cuda:0"
