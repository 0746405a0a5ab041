"""The Open Inference Protocol v2: metadata, health, inference with JSON and binary data, and its errors."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zlib

import numpy as np
import onnxnn_runtime
import pytest
from PIL import Image

LENGTH = "Inference-Header-Content-Length"


def infer(client, model, body, tail=b"", **headers):
    """Send an inference request; with binary data the JSON's length is said."""
    text = json.dumps(body).encode()
    if tail:
        headers = {LENGTH.lower(): str(len(text)), **headers}
    return client.post(f"/v2/models/{model}/infer", content=text + tail, headers=headers)


def tensor(array, name="input", datatype="FP32", binary=False):
    entry = {"name": name, "shape": list(array.shape), "datatype": datatype}
    if binary:
        return {**entry, "parameters": {"binary_data_size": array.nbytes}}
    return {**entry, "data": array.tolist()}


def jpeg(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="JPEG")
    return file.getvalue()


def test_a_server_says_what_it_is(client):
    answer = client.get("/v2")
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["version"]) == ("onnxnn", onnxnn_runtime.__version__)
    assert "binary_tensor_data" in answer.json()["extensions"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}


@pytest.mark.parametrize("path", ["/v2/models/text", "/v2/models/text/versions/1"])
def test_a_model_says_what_it_takes(serving, path):
    with serving("text") as client:
        assert client.get(path + "/ready").json() == {"name": "text", "ready": True}
        answer = client.get(path).json()
    assert answer == {
        "name": "text",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "input", "datatype": "INT64", "shape": [-1, -1]},
            {"name": "state0", "datatype": "FP32", "shape": [1, -1, 4]},
        ],
        "outputs": [
            {"name": "output", "datatype": "FP32", "shape": [-1, -1, 4]},
            {"name": "next_state0", "datatype": "FP32", "shape": [1, -1, 4]},
        ],
    }


def test_what_is_not_ready_says_so(client):
    client.state.models["image_classifier"].state = "loading"
    assert client.get("/v2/health/live").status_code == 200
    assert client.get("/v2/health/ready").status_code == 503
    assert client.get("/v2/models/image_classifier/ready").status_code == 503


@pytest.mark.parametrize("path", ["", "/ready", "/versions/2", "/versions/2/ready"])
def test_unknown_models_and_versions_are_404(client, path):
    model = "image_classifier" if path.startswith("/versions") else "image_classifie"
    answer = client.get(f"/v2/models/{model}{path}")
    assert answer.status_code == 404
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize("name", ["..%2F..%2Fetc%2Fpasswd", "%00", "a%5Cb", "image_classifier.onnx"])
def test_names_never_become_paths(client, name):
    for method, path in (("GET", ""), ("POST", "/infer")):
        answer = client.request(method, f"/v2/models/{name}{path}")
        assert answer.status_code == 404
        assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("data", [[[1.0, 2.0], [3.0, 4.0]], [1, 2, 3, 4]])
def test_numbers_in_json(serving, open_model, data):
    array = np.array([[1, 2], [3, 4]], np.float32)
    expected = open_model("two_inputs").infer({"a": array, "b": array})
    entry = {"name": "b", "shape": [2, 2], "datatype": "FP32", "data": data}
    with serving("two_inputs") as client:
        answer = infer(client, "two_inputs", {"id": "42 号", "inputs": [tensor(array, "a"), entry]})
        one = infer(
            client,
            "two_inputs/versions/1",
            {
                "inputs": [tensor(array, "a"), entry],
                "outputs": [{"name": "difference"}],
                "parameters": {"x": 1},
            },
        )
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "model_name": "two_inputs",
        "model_version": "1",
        "id": "42 号",
        "outputs": [
            {"name": name, "datatype": "FP32", "shape": [2, 2], "data": values.reshape(-1).tolist()}
            for name, values in expected.items()
        ],
    }
    assert [each["name"] for each in one.json()["outputs"]] == ["difference"]
    assert "id" not in one.json()


def test_binary_data_follow_the_json(serving, open_model):
    a, b = np.random.RandomState(0).rand(2, 3, 2).astype(np.float32)
    expected = open_model("two_inputs").infer({"a": a, "b": b})
    body = {
        "inputs": [tensor(b, "b", binary=True), tensor(a, "a")],
        "outputs": [{"name": "sum", "parameters": {"binary_data": False}}, {"name": "difference"}],
        "parameters": {"binary_data_output": True},
    }
    with serving("two_inputs") as client:
        answer = infer(client, "two_inputs", body, b.tobytes())
    assert answer.headers["content-type"] == "application/octet-stream"
    end = int(answer.headers[LENGTH])
    first, second = json.loads(answer.content[:end])["outputs"]
    assert np.array_equal(np.float32(first["data"]).reshape(3, 2), expected["sum"])
    assert second["parameters"] == {"binary_data_size": 24}
    assert np.array_equal(np.frombuffer(answer.content[end:], "<f4").reshape(3, 2), expected["difference"])


def test_states_begin_with_zeros_and_are_returned(serving, open_model):
    tokens = np.array([[1, 2]])
    expected = open_model("text").infer({"input": tokens})
    with serving("text") as client:
        found = infer(client, "text", {"inputs": [tensor(tokens, datatype="INT64")]}).json()["outputs"]
        sequence = infer(
            client, "text", {"inputs": [tensor(tokens, datatype="INT64")], "parameters": {"sequence_id": 7}}
        )
    assert np.allclose(found[1]["data"], expected["next_state0"].reshape(-1))
    assert sequence.status_code == 400
    assert "keeps no states" in sequence.json()["error"]


@pytest.mark.parametrize("model", ["image_classifier", "image_in_graph"])
def test_images_are_elements_of_bytes(serving, open_model, image, model):
    images = [jpeg(image), jpeg(image[::-1])]
    binary = b"".join(len(each).to_bytes(4, "little") + each for each in images)
    text = base64.b64encode(images[1]).decode()
    in_json = ["data:image/jpeg;base64," + base64.b64encode(images[0]).decode(), text]
    expected = open_model(model).embed(images)
    output = "embedding" if model == "image_classifier" else "output"
    entry = {"name": "input", "datatype": "BYTES", "shape": [2, 1]}
    ways = [
        ({**entry, "parameters": {"binary_data_size": len(binary)}}, binary),
        ({**entry, "data": in_json}, b""),
        ({**entry, "data": [[each] for each in in_json]}, b""),
    ]
    with serving(model) as client:
        for each, tail in ways:
            answer = infer(client, model, {"inputs": [each], "outputs": [{"name": output}]}, tail)
            assert answer.status_code == 200, answer.text
            (found,) = answer.json()["outputs"]
            assert np.allclose(np.reshape(found["data"], found["shape"]), expected, atol=1e-6)


def test_a_body_of_binary_data_alone_is_one_sample(serving, open_model, image):
    row = np.array([[1, 2]], np.float32)
    with serving("image_classifier", "table", "sequence") as client:
        answers = [
            client.post(f"/v2/models/{model}/infer", content=content, headers={LENGTH: "0"})
            for model, content in (
                ("image_classifier", jpeg(image)),
                ("table", row.tobytes()),
                ("sequence", row.tobytes()),
                ("table", row.tobytes()[1:]),
            )
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 400]
    assert "shape is not fixed" in answers[2].json()["error"]
    assert "expected 8 bytes for FP32 (1, 2), got 7" in answers[3].json()["error"]
    scores = np.frombuffer(answers[1].content[int(answers[1].headers[LENGTH]) :], "<f4")
    assert np.allclose(scores, open_model("table").infer(row)[0])


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("Identity", bytes)]
)
def test_bodies_may_be_compressed(serving, encoding, pack):
    text = json.dumps({"inputs": [tensor(np.array([[1, 2]], np.float32))]}).encode()
    headers = {"Content-Encoding": encoding, LENGTH: str(len(text))}
    with serving("table", max_body_bytes=20_000) as client:

        def post(content, **more):
            return client.post("/v2/models/table/infer", content=content, headers={**headers, **more})

        assert post(pack(text)).status_code == 200
        if pack is not bytes:
            assert post(pack(text)[:-3]).status_code == 400
            assert post(pack(text) + b"x").status_code == 400
            assert post(pack(b" " * 1_000_000)).status_code == 413
        assert post(text, **{"Content-Encoding": "br"}).status_code == 415


def test_classification_names_the_best_classes(serving, open_model, image):
    found = open_model("image_classifier").predict([jpeg(image), jpeg(255 - image)], k=2)
    images = [base64.b64encode(jpeg(each)).decode() for each in (image, 255 - image)]
    entry = {"name": "input", "datatype": "BYTES", "shape": [2], "data": images}
    wanted = {"name": "output", "parameters": {"classification": 9, "binary_data": True}}
    with serving("image_classifier") as client:
        answer = infer(client, "image_classifier", {"inputs": [entry], "outputs": [wanted]})
        text = infer(
            client,
            "image_classifier",
            {"inputs": [entry], "outputs": [{"name": "embedding", "parameters": {"classification": 1}}]},
        )
    end = int(answer.headers[LENGTH])
    (output,) = json.loads(answer.content[:end])["outputs"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [2, 2])
    rest, labels = answer.content[end:], []
    while rest:
        size = int.from_bytes(rest[:4], "little")
        score, index, label = rest[4 : 4 + size].decode().split(":")
        labels.append((label, pytest.approx(float(score), abs=1e-6)))
        assert ("red", "绿")[int(index)] == label
        rest = rest[4 + size :]
    assert [each for one in found for each in one.top] == labels
    (output,) = text.json()["outputs"]
    assert output["shape"] == [2, 1]
    assert all(each.count(":") == 1 for each in output["data"])


def test_images_of_other_models_are_refused(serving, image):
    entry = {"name": "x", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(jpeg(image)).decode()]}
    with serving("denoiser", "image_classifier", max_items=2) as client:
        other = infer(client, "denoiser", {"inputs": [entry]})
        entry["name"] = "input"
        text = infer(
            client, "image_classifier", {"inputs": [{**entry, "data": ["https://example.org/a.jpg"]}]}
        )
        broken = infer(client, "image_classifier", {"inputs": [{**entry, "data": [entry["data"][0][:99]]}]})
        many = infer(
            client, "image_classifier", {"inputs": [{**entry, "shape": [3], "data": entry["data"] * 3}]}
        )
    assert other.status_code == 400
    assert "expected the datatype FP32" in other.json()["error"]
    assert "never opened" in text.json()["error"]
    assert (broken.status_code, many.status_code) == (400, 413)
