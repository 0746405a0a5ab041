"""The server's own calls say what the same calls of Python say."""

from __future__ import annotations

import base64
import io

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="PNG")
    return file.getvalue()


def uri(data, kind="image/png"):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def ways(image):
    """Every way to send one image: options of httpx."""
    data, encoded = png(image), base64.b64encode(png(image)).decode()
    return {
        "a form": {"files": {"image": ("../../etc/passwd", data, "image/png")}},
        "the body": {"content": data, "headers": {"Content-Type": "image/png"}},
        "bytes": {"content": data, "headers": {"Content-Type": "application/octet-stream"}},
        "base64": {"json": {"input": encoded}},
        "a data URI": {"json": {"inputs": [uri(data)]}},
        "an array": {"json": {"input": image.tolist()}},
    }


WAYS = list(ways(np.zeros((2, 2, 3), np.uint8)))


@pytest.mark.parametrize("way", WAYS)
def test_an_image_is_classified_however_it_is_sent(client, open_model, image, way):
    answer = client.post("/predict", params={"k": 2}, **ways(image)[way])
    assert answer.status_code == 200, answer.text
    expected = open_model("image_classifier").predict(image, k=2)[0]
    found = answer.json()["predictions"][0]
    assert answer.json()["model"] == "image_classifier"
    assert found["label"] == expected.label
    assert found["score"] == pytest.approx(expected.score)
    assert [each["label"] for each in found["top"]] == [label for label, _ in expected.top]


def test_several_images_are_embedded_in_order(client, open_model, image):
    images = [image, image[::-1], image[:, ::-1]]
    expected = open_model("image_classifier").embed(images, normalize=True)
    files = [("image", (f"{i}.png", png(each))) for i, each in enumerate(images)]
    answer = client.post("/embed", files=files, data={"normalize": "true"})
    assert np.allclose(answer.json()["embeddings"], expected, atol=1e-6)
    answer = client.post("/embed?normalize=true", files=files, headers={"Accept": "application/x-npy"})
    vectors = np.load(io.BytesIO(answer.content))
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, expected, atol=1e-6)


def test_two_images_are_compared(client, open_model, image):
    vectors = open_model("image_classifier").embed([image, image[::-1]])
    body = {"inputs": [uri(png(image)), uri(png(image[::-1]))], "method": "euclidean"}
    answer = client.post("/similarity", json=body).json()
    assert answer["similarity"] == pytest.approx(float(rt.get_similarity(*vectors, method="euclidean")))
    assert client.post("/similarity", json={"inputs": body["inputs"][:1]}).status_code == 400


@pytest.mark.parametrize("rows", [[[1, 2], [3, 4.5]], [{"length": 1, "宽": 2}, {"宽": 4.5, "length": 3}]])
def test_rows_of_a_table_are_classified(serving, open_model, rows):
    with serving("table") as client:
        found = client.post("/predict", json={"inputs": rows}).json()["predictions"]
    expected = open_model("table").predict([[1, 2], [3, 4.5]])
    assert [each["label"] for each in found] == [each.label for each in expected]


def test_values_come_by_name(serving, open_model):
    with serving("values") as client:
        found = client.post("/predict", json={"input": [1, 2]}).json()["predictions"]
    assert found == [{"values": dict(open_model("values").predict([[1, 2]])[0].values)}]


def test_text_is_generated(serving, open_model):
    asked = {"prompt": "春", "length": 9, "seed": 3, "temperature": 0.8}
    with serving("text") as client:
        assert client.post("/generate", json=asked).json() == {
            "model": "text",
            "text": open_model("text").generate("春", length=9, seed=3, temperature=0.8),
        }
        assert client.post("/generate", params=asked).json()["text"][0] == "春"


def test_images_are_sampled(serving, open_model):
    expected = open_model("denoiser_classes").sample(num=2, steps=3, seed=5, label="blue")
    asked = {"num": 2, "steps": 3, "seed": 5, "label": "blue"}
    with serving("denoiser_classes") as client:
        answer = client.post("/sample", json=asked)
        grid = client.post("/sample", data=asked, headers={"Accept": "image/png"})
        again = client.post("/sample", json={"num": 1, "steps": 1}).json()
    assert answer.status_code == 200, answer.text
    drawn = [base64.b64decode(each.split(",")[1]) for each in answer.json()["images"]]
    pixels = [np.asarray(Image.open(io.BytesIO(each))) for each in drawn]
    assert np.array_equal(pixels, np.rint(np.moveaxis(expected, 1, -1) * 255).astype(np.uint8))
    assert Image.open(io.BytesIO(grid.content)).format == "PNG"
    assert 0 <= again["seed"] < 2**32


def test_an_image_is_sampled_from_a_start(serving, image):
    with serving("denoiser_classes") as client:
        asked = {"steps": "2", "strength": "0.5", "seed": "0", "label": "blue", "num": "2"}
        answer = client.post("/sample", data=asked, files={"start": png(image)})
        other = client.post(
            "/sample",
            json={
                "num": 2,
                "steps": 2,
                "seed": 0,
                "label": "blue",
                "strength": 0.5,
                "start": uri(png(image)),
            },
        )
    assert answer.status_code == 200, answer.text
    assert answer.json() == other.json()


def test_the_model_is_named_where_several_could_answer(serving, image):
    data = {"content": png(image), "headers": {"Content-Type": "image/png"}}
    with serving("image_classifier", "image_any_size", "text") as client:
        assert client.post("/predict", **data).status_code == 400
        assert client.post("/predict?model=image_any_size", **data).json()["model"] == "image_any_size"
        assert client.post("/generate", json={"prompt": "春"}).json()["model"] == "text"
        answer = client.post("/predict?model=image_any_sise", **data)
    assert answer.status_code == 404
    assert "Did you mean 'image_any_size'?" in answer.json()["error"]["message"]


@pytest.mark.parametrize("prefix", ["", "/v1", "/v2"])
def test_paths_and_methods_that_are_not_there_are_named(serving, prefix):
    with serving("image_classifier") as client:
        path = client.post(prefix + "/nothing")
        method = client.get(prefix + {"": "/predict", "/v1": "/embeddings"}.get(prefix, "/models/a/infer"))
    assert (path.status_code, method.status_code) == (404, 405)
    assert "The server has no such path. /docs lists all of them." in path.text
    assert "The path takes another method: POST. /docs lists all calls." in method.text
