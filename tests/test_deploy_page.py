"""The page on deployment: its command, its requests, its manifest and its Ray Serve deployment are run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import tempfile

import numpy as np
import onnxnn_runtime as rt
import pytest
import yaml
from PIL import Image
from support.paths import GOLDEN, ROOT
from support.prepared import run_python

pytestmark = [
    pytest.mark.needs_torch,
    pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="the sources are not here"),
]

PAGE = ROOT / "docs" / "deploy.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    """A folder with pets.onnx, cat.png and dog.png."""
    shutil.copy(GOLDEN / "models" / "image_classifier.onnx", tmp_path / "pets.onnx")
    for name, seed in (("cat", 1), ("dog", 2)):
        pixels = np.random.default_rng(seed).integers(0, 256, (9, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return tmp_path


def test_the_command_and_the_request(folder):
    (line,) = blocks("sh")
    done = run_python(["-m", "onnxnn_cli", *shlex.split(line)[1:]], folder)
    assert done.returncode == 0, done.stderr
    config = (folder / "models/pets/config.pbtxt").read_text(encoding="utf-8")
    request, _, loop = blocks("python")
    code = f"{request}\n{loop}\nprint(request)\nassert vectors.shape == (1, 3)"
    done = run_python(["-W", "error", "-c", code], folder)
    assert done.returncode == 0, done.stderr
    (given,) = json.loads(done.stdout)["inputs"]
    assert f'name: "{given["name"]}"\n  data_type: TYPE_{given["datatype"]}\n  dims: [ 3, -1, -1 ]' in config
    assert given["shape"] == [1, 3, 8, 8]
    assert len(given["data"]) == 192


ASK = """
from onnxnn_runtime.server.app import create_app
from onnxnn_runtime.server.settings import ServerSettings
from starlette.testclient import TestClient
with TestClient(create_app(["pets.onnx"], ServerSettings()), "http://127.0.0.1") as client:
    print(client.post("/v2/models/pets/infer", content=request).text)
"""


def test_our_own_server_answers_the_request(folder):
    pytest.importorskip("starlette", reason='needs the server: pip install "onnxnn-runtime[serve]"')
    done = run_python(["-c", blocks("python")[0] + ASK], folder)
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if "outputs" in line)
    output = json.loads(line)["outputs"][0]
    model = rt.load(folder / "pets.onnx", device="cpu")
    (expected,) = model.predict(folder / "cat.png")
    np.testing.assert_allclose(output["data"], expected.scores, rtol=1e-5)


def test_the_manifest():
    """What KServe's definition of an InferenceService and its runtime kserve-tritonserver ask for."""
    (text,) = blocks("yaml")
    manifest = yaml.safe_load(text)
    assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
    assert (manifest["apiVersion"], manifest["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    model = manifest["spec"]["predictor"]["model"]
    assert model["modelFormat"] == {"name": "triton", "version": "2"}
    assert model["protocolVersion"] == "v2"
    assert re.fullmatch(r"(pvc|s3|gs|https?)://\S+", model["storageUri"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own warnings
def test_ray_serve(folder, monkeypatch):
    ray = pytest.importorskip("ray", reason='needs Ray: pip install "onnxnn-runtime[ray]"')
    httpx = pytest.importorskip("httpx")
    from ray import serve

    monkeypatch.chdir(folder)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    (folder / "pets.py").write_text(blocks("python")[1], encoding="utf-8")  # what it shows, and no more
    monkeypatch.syspath_prepend(folder)
    with tempfile.TemporaryDirectory(prefix="ray-") as temporary:
        ray.init(num_cpus=3, include_dashboard=False, _temp_dir=temporary, log_to_driver=False)
        try:
            serve.start(http_options={"host": "127.0.0.1", "port": port})
            from pets import pets

            serve.run(pets)
            address = f"http://127.0.0.1:{port}/"
            with httpx.Client(trust_env=False, timeout=60) as client:
                found = client.post(address, content=(folder / "cat.png").read_bytes())
                broken = client.post(address, content=str(folder / "cat.png").encode())
        finally:
            serve.shutdown()
            ray.shutdown()
    assert found.status_code == 200
    assert found.json()["label"] in ("red", "绿")
    assert broken.status_code == 400
    assert "[E-INPUT-09]" in broken.json()["error"]
