"""Embeddings and models in OpenAI's shape: what is answered, and what is refused."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from support.models import INT64, graph, model, node, tensor, value


def uri(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def test_embeddings_are_those_of_python(client, open_model, image):
    expected = open_model("image_classifier").embed([image, image[::-1]])
    body = {
        "model": "image_classifier",
        "input": [uri(image), uri(image[::-1])],
        "modality": "image",
        "user": "u",
    }
    answer = client.post("/v1/embeddings", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert {key: found[key] for key in ("object", "model", "usage")} == {
        "object": "list",
        "model": "image_classifier",
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    }
    assert [(each["object"], each["index"]) for each in found["data"]] == [("embedding", 0), ("embedding", 1)]
    assert np.allclose([each["embedding"] for each in found["data"]], expected, atol=1e-6)
    encoded = client.post("/v1/embeddings", json={**body, "encoding_format": "base64"}).json()["data"]
    rows = [np.frombuffer(base64.b64decode(each["embedding"]), "<f4") for each in encoded]
    assert np.allclose(rows, expected, atol=1e-6)


def test_one_input_need_not_be_in_a_list(client, open_model, image):
    expected = open_model("image_classifier").embed([image], normalize=True)
    found = client.post("/v1/embeddings", json={"input": uri(image), "normalize": True}).json()["data"]
    assert np.allclose([each["embedding"] for each in found], expected, atol=1e-6)


def test_models_are_listed(serving):
    with serving("image_embedder", "table") as client:
        found = client.get("/v1/models").json()
        one = client.get("/v1/models/table").json()
        unknown = client.get("/v1/models/tabel")
    assert found["object"] == "list"
    assert [each["id"] for each in found["data"]] == ["image_embedder", "table"]
    assert one == found["data"][1]
    assert one["created"] > 0
    assert (one["object"], one["owned_by"]) == ("model", "onnxnn")
    assert unknown.status_code == 404
    assert "Did you mean 'table'?" in unknown.json()["error"]["message"]


WRONG = [
    ({"input": None}, 400, "expected an image as a data URI"),
    ({"input": []}, 400, "expected an image as a data URI"),
    ({"input": [""]}, 400, "takes images, not text"),
    ({"input": "a cat"}, 400, "takes images, not text"),
    ({"input": "cats"}, 400, "takes images, not text"),
    ({"input": [1, 2]}, 400, r"input\[0\]"),
    ({"input": {"url": "data:,"}}, 400, r"input\[0\]"),
    ({"input": "https://example.org/cat.jpg"}, 400, "never opened"),
    ({"input": "file:///etc/passwd"}, 400, "never opened"),
    ({"input": "data:image/png;base64,!"}, 400, "base64"),
    ({"input": "data:image/png;base64,AAAA"}, 415, "expected an image"),
    ({"input": "data:image/svg+xml;base64,PHN2Zz48L3N2Zz4="}, 415, "SVG|expected an image"),
    ({"model": "gpt"}, 404, "no model of this name"),
    ({"model": ["image_classifier"]}, 404, "no model of this name"),
    ({"dimensions": 2}, 400, "cannot be shortened"),
    ({"encoding_format": "int8"}, 400, "encoding_format='int8'"),
    ({"modality": "text"}, 400, "modality='text'"),
    ({"modality": {}}, 400, "modality={}"),
    ({"normalize": "yes"}, 400, "normalize='yes'"),
    ({"dimension": 2}, 400, "Did you mean 'dimensions'?"),
]


@pytest.mark.parametrize(("change", "status", "problem"), WRONG, ids=[problem for _, _, problem in WRONG])
def test_what_cannot_be_done_is_named(client, image, change, status, problem):
    answer = client.post("/v1/embeddings", json={"input": uri(image), **change})
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == next(iter(change))
    with pytest.raises(ValueError, match=problem):
        raise ValueError(error["message"])


def test_other_bodies_are_refused(client):
    assert client.post("/v1/embeddings", data={"input": "x"}).status_code == 415
    assert client.post("/v1/embeddings", content=b"[1]").status_code == 400
    assert client.post("/v1/embeddings", content=b'{"input": NaN}').status_code == 400
    assert client.get("/v1/embeddings").status_code == 405
    assert "error" in client.get("/v1/nothing").json()


def test_too_many_inputs_are_refused(serving, image):
    with serving("image_classifier", max_items=2) as client:
        assert client.post("/v1/embeddings", json={"input": [uri(image)] * 3}).status_code == 413


def test_a_model_without_vectors_says_so(serving):
    with serving("table", "no_card") as client:
        for name in ("table", "no_card"):
            answer = client.post("/v1/embeddings", json={"model": name, "input": [[1, 2]]})
            assert answer.status_code == 400


@pytest.fixture
def words(tmp_path, open_model):
    """A file that turns tokens into vectors: the largest of each column of their embeddings."""
    found = json.loads(open_model("tokens").card.to_json())
    found["output"] = {**found["output"], "kind": "embedding", "classes": []}
    made = graph(
        [node("Gather", ["w", "input"], ["e"]), node("ReduceMax", ["e"], ["output"], axes=[1], keepdims=0)],
        [value("input", ("batch", "token"), INT64)],
        [value("output", ("batch", 3))],
        [tensor("w", np.eye(3, dtype=np.float32))],
    )
    path = tmp_path / "words.onnx"
    path.write_bytes(model(made, json.dumps({**found, "task": "embed"})))
    return path


@pytest.mark.parametrize(
    ("inputs", "expected", "tokens"),
    [
        ("好b", [[1, 1, 0]], 2),
        (["好b", "c"], [[1, 1, 0], [0, 0, 1]], 3),
        ([0, 1, 2], [[1, 1, 1]], 3),
        ([[2], [1]], [[0, 0, 1], [0, 1, 0]], 2),
    ],
)
def test_texts_and_tokens_have_vectors_too(serving, words, inputs, expected, tokens):
    with serving(words) as client:
        answer = client.post("/v1/embeddings", json={"input": inputs, "modality": "text"})
        assert answer.status_code == 200, answer.text
        assert client.post("/v1/embeddings", json={"input": "x"}).status_code == 400
        assert client.post("/v1/embeddings", json={"input": "b", "modality": "image"}).status_code == 400
    assert [each["embedding"] for each in answer.json()["data"]] == expected
    assert answer.json()["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
