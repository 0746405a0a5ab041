"""Files of a fixed batch, such as `--fixed-shapes` exports, answer requests of any number of inputs."""

from __future__ import annotations

import base64
import io

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.card.card import InputSpec, ModelCard, OutputSpec
from onnxnn_runtime.card.preprocess import Preprocess
from PIL import Image
from support import models
from support.lanes import sizes, together

WEIGHT = np.array([[1, -1], [-2, 2], [3, 0]], np.float32)
DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)


def fixed(folder, batch):
    """Write a classifier of images that takes `batch` samples at once; return its path."""
    made = models.graph(
        [
            models.node("GlobalAveragePool", ["input"], ["pooled"]),
            models.node("Flatten", ["pooled"], ["embedding"]),
            models.node("MatMul", ["embedding", "weight"], ["scores"]),
            models.node("Softmax", ["scores"], ["output"], axis=1),
        ],
        [models.value("input", [batch, 3, 8, 8])],
        [models.value("output", [batch, 2]), models.value("embedding", [batch, 3])],
        [models.tensor("weight", WEIGHT)],
    )
    spec = InputSpec("image", ("batch", 3, 8, 8), Preprocess("RGB", (("resize", 8, 8),)))
    card = ModelCard("cls", (), spec, OutputSpec("classes", ("batch", 2), ("red", "绿"), 3))
    path = folder / "fixed.onnx"
    path.write_bytes(models.model(made, card))
    return path


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(params=[1, 4])
def path(request, tmp_path):
    return fixed(tmp_path, request.param)


def expected():
    """Return the probabilities and vectors of all images, by definition."""
    vectors = IMAGES.mean((1, 2)) / 255
    scores = np.exp(vectors @ WEIGHT)
    return scores / scores.sum(1, keepdims=True), vectors


@pytest.mark.parametrize("count", [1, 3, 7])
def test_images_are_classified_and_embedded(serving, path, count):
    probabilities, vectors = expected()
    files = [("image", (f"{number}.png", png(image))) for number, image in enumerate(IMAGES[:count])]
    with serving(path) as client:
        answer = client.post("/predict", files=files, data={"k": "2"}).json()
        found = [dict(map(dict.values, each["top"])) for each in answer["predictions"]]
        assert np.allclose([[each["red"], each["绿"]] for each in found], probabilities[:count], atol=1e-5)
        answer = client.post("/embed", files=files).json()
        assert np.allclose(answer["embeddings"], vectors[:count], atol=1e-5)
        uris = ["data:image/png;base64," + base64.b64encode(png(each)).decode() for each in IMAGES[:count]]
        answer = client.post("/v1/embeddings", json={"model": "fixed", "input": uris}).json()
        assert np.allclose([each["embedding"] for each in answer["data"]], vectors[:count], atol=1e-5)


def test_tensors_of_any_number_of_samples(serving, path):
    probabilities, _ = expected()
    data = np.moveaxis(IMAGES, 3, 1).astype(np.float32) / 255
    with serving(path) as client:
        for count in (1, 3, 7):
            tensor = {"name": "input", "datatype": "FP32", "shape": data[:count].shape}
            body = {"inputs": [{**tensor, "data": data[:count].ravel().tolist()}]}
            answer = client.post("/v2/models/fixed/infer", json=body).json()
            output = {each["name"]: each for each in answer["outputs"]}["output"]
            assert output["shape"] == [count, 2]
            assert np.allclose(np.reshape(output["data"], (count, 2)), probabilities[:count], atol=1e-5)
        shape = client.get("/v2/models/fixed").json()["inputs"][0]["shape"]
        assert shape[1:] == [3, 8, 8]


def test_requests_that_wait_together_are_answered_each_with_its_own(serving, path):
    """What a part is filled up with is never seen by another request."""
    probabilities, _ = expected()
    data = np.moveaxis(IMAGES, 3, 1).astype(np.float32) / 255
    ends = [(0, 1), (1, 4), (4, 5), (5, 7)]
    feeds = [{"input": data[start:end]} for start, end in ends]
    bad = {"input": np.full((1, 3, 8, 8), np.nan, np.float32)}
    with serving(path, threads=1) as client:
        found = client.run(together(client.state.model(), [*feeds[:2], bad, *feeds[2:]]))
        assert sizes(client) == [4, 7]
    assert isinstance(found.pop(2), rt.InputError)
    assert np.allclose(np.concatenate([each["output"] for each in found]), probabilities, atol=1e-5)


def test_images_are_searched(serving, path, tmp_path):
    gallery = rt.Gallery.build(rt.load(path), list(IMAGES), tmp_path / "gallery")
    files = [("image", (f"{number}.png", png(image))) for number, image in enumerate(IMAGES[:3])]
    with serving(path, gallery=str(gallery.path)) as client:
        answer = client.post("/search", files=files, data={"k": "1"}).json()
    assert [each[0]["name"] for each in answer["matches"]] == ["input[0]", "input[1]", "input[2]"]
