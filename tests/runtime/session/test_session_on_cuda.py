"""Files on an NVIDIA GPU compute what they compute on the CPU."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnxnn_runtime import load
from onnxnn_runtime.errors import DeviceError
from onnxnn_runtime.session import onnxruntime_session
from onnxnn_runtime.session.io_binding import BoundRuns

pytestmark = [
    pytest.mark.needs_torch,
    pytest.mark.skipif(
        "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
        reason="needs onnxruntime-gpu and an NVIDIA GPU",
    ),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of every kind of network, and what torch computes."""
    from support.export_for_boards import export_all

    folder = tmp_path_factory.mktemp("files")
    export_all(folder)
    return folder


@pytest.mark.parametrize("name", ["mlp", "cnn", "backbone"])
def test_outputs_are_those_of_torch(files, name):
    model = load(str(files / f"{name}.onnx"), device="cuda")
    assert model.device == "cuda:0"
    golden = np.load(str(files / f"{name}.npz"))
    np.testing.assert_allclose(model.infer(golden["x"]), golden["output"], rtol=2e-2, atol=2e-3)


def test_embeddings_of_files_are_those_of_the_cpu(files):
    vectors = load(str(files / "backbone.onnx"), device="cuda").embed(str(files / "images"), normalize=True)
    wanted = load(str(files / "backbone.onnx"), device="cpu").embed(str(files / "images"), normalize=True)
    assert (vectors * wanted).sum(1).min() > 0.999


def test_text_is_the_same(files):
    written = [
        load(str(files / "poems.onnx"), device=device).generate("春江", length=40, top_k=1, seed=3)
        for device in ("cpu", "cuda")
    ]
    assert written[0] == written[1]


def test_sequences_from_sequences_are_the_same(files):
    source = np.load(str(files / "reverse.npz"))["x"]
    written = [
        load(str(files / "reverse.onnx"), device=device).generate(source) for device in ("cpu", "cuda")
    ]
    assert written[0] == written[1]


@pytest.mark.parametrize("name", ["doodles", "doodles_loop"])
def test_images_are_those_of_the_cpu(files, name):
    drawn = [
        load(str(files / f"{name}.onnx"), device=device).sample(4, seed=0, label=1)
        for device in ("cpu", "cuda")
    ]
    assert np.abs(drawn[0].astype(float) - drawn[1].astype(float)).max() < 2e-2


@pytest.mark.parametrize("name", ["backbone", "doodles", "doodles_loop"])
def test_runs_of_the_gpu_have_places_there(files, name):
    model = load(str(files / f"{name}.onnx"), device="cuda")
    assert isinstance(model._engine._session._run.__self__, BoundRuns)


def test_places_change_no_result(files, monkeypatch):
    wanted = load(str(files / "backbone.onnx"), device="cuda").embed(str(files / "images"))
    monkeypatch.setattr(onnxruntime_session, "can_bind", lambda module, session: False)
    found = load(str(files / "backbone.onnx"), device="cuda").embed(str(files / "images"))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_a_file_of_float16_runs(files, name, tmp_path):
    onnx = pytest.importorskip("onnx")
    float16 = pytest.importorskip("onnxruntime.transformers.float16")
    half = float16.convert_float_to_float16(onnx.load(str(files / f"{name}.onnx")))
    golden = np.load(str(files / f"{name}.npz"))
    model = load(half.SerializeToString(), device="cuda")
    assert model.device == "cuda:0"
    assert next(iter(model.inputs.values()))[0] == "float16"
    np.testing.assert_allclose(model.infer(golden["x"]), golden["output"], rtol=3e-2, atol=1e-2)


def test_a_gpu_that_is_not_there_is_refused(files):
    with pytest.raises(DeviceError, match="cuda:99"):
        load(str(files / "mlp.onnx"), device="cuda:99")
