"""Clients that others wrote, unchanged, against a server in a process of its own."""

from __future__ import annotations

import base64
import io
import warnings

import numpy as np
import pytest
from PIL import Image

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    triton = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http]")
    openai = pytest.importorskip("openai", reason="needs openai")


@pytest.fixture(scope="module")
def server(server_processes):
    """The address of a server that asks for no token."""
    return server_processes("image_classifier", "two_inputs", "table").url


@pytest.fixture
def client(server):
    """A client of Triton."""
    client = triton.InferenceServerClient(server.partition("//")[2])
    yield client
    client.close()


@pytest.fixture
def encoded(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="JPEG")
    return file.getvalue()


def tensor(name, array, datatype, binary=True):
    found = triton.InferInput(name, list(array.shape), datatype)
    found.set_data_from_numpy(array, binary_data=binary)
    return found


def test_triton_asks_what_there_is(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("table")
    assert client.is_model_ready("table", "1")
    assert not client.is_model_ready("tabel")
    assert client.get_server_metadata()["name"] == "onnxnn"
    assert client.get_model_metadata("table")["inputs"] == [
        {"name": "input", "datatype": "FP32", "shape": [-1, 2]}
    ]


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
def test_triton_infers(client, open_model, binary, packed):
    a, b = np.random.RandomState(0).rand(2, 3, 2).astype(np.float32)
    expected = open_model("two_inputs").infer({"a": a, "b": b})
    inputs = [tensor("a", a, "FP32", binary), tensor("b", b, "FP32", not binary)]
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in expected]
    for outputs, names in ((None, ["sum", "difference"]), (wanted[1:], ["difference"])):
        found = client.infer(
            "two_inputs",
            inputs,
            outputs=outputs,
            request_id="7",
            parameters={"mine": "x"},
            priority=1,
            timeout=5_000_000,
            request_compression_algorithm=packed,
            response_compression_algorithm=packed,
        )
        assert found.get_response()["id"] == "7"
        assert [each["name"] for each in found.get_response()["outputs"]] == names
        for name in names:
            assert np.array_equal(found.as_numpy(name), expected[name])


def test_triton_sends_images(client, open_model, encoded):
    (expected,) = open_model("image_classifier").predict([encoded], k=2)
    images = np.array([[encoded], [encoded]], object)
    wanted = [triton.InferRequestedOutput("output", class_count=2), triton.InferRequestedOutput("embedding")]
    found = client.infer("image_classifier", [tensor("input", images, "BYTES")], outputs=wanted)
    classes = [each.decode().split(":") for each in found.as_numpy("output")[1]]
    assert [label for _, _, label in classes] == [label for label, _ in expected.top]
    assert found.as_numpy("embedding").shape == (2, 3)
    assert found.as_numpy("embedding").dtype == np.float32


def test_triton_infers_many_at_once(server, open_model):
    rows = np.random.RandomState(0).rand(40, 1, 2).astype(np.float32)
    model = open_model("table")
    with triton.InferenceServerClient(server.partition("//")[2], concurrency=8) as client:
        asked = [client.async_infer("table", [tensor("input", row, "FP32")]) for row in rows]
        found = [each.get_result().as_numpy("output") for each in asked]
    assert np.allclose(np.concatenate(found), model.infer(rows[:, 0]), atol=1e-6)


def test_triton_raises_its_own_errors(client):
    row = np.array([[1, 2]], np.float32)
    wrong = [
        ("404", lambda: client.infer("nothing", [tensor("input", row, "FP32")])),
        ("404", lambda: client.infer("table", [tensor("input", row, "FP32")], model_version="2")),
        ("404", lambda: client.get_model_metadata("nothing")),
        ("400", lambda: client.infer("table", [tensor("x", row, "FP32")])),
        ("400", lambda: client.infer("table", [tensor("input", row.astype(np.float64), "FP64")])),
        ("400", lambda: client.infer("table", [tensor("input", row[0], "FP32")])),
        ("400", lambda: client.infer("table", [tensor("input", row * np.nan, "FP32")])),
    ]
    for status, call in wrong:
        with pytest.raises(triton.InferenceServerException) as raised:
            call()
        assert raised.value.status() == status
        assert "[E-" in raised.value.message()


@pytest.fixture
def ai(server):
    """A client of OpenAI."""
    with openai.OpenAI(base_url=server + "/v1", api_key="none", max_retries=0) as client:
        yield client


def test_openai_embeds_images(ai, open_model, encoded):
    image = "data:image/jpeg;base64," + base64.b64encode(encoded).decode()
    expected = open_model("image_classifier").embed([encoded])[0]
    for options in (
        {},
        {"encoding_format": "float"},
    ):  # without it the client asks for base64 and decodes that
        found = ai.embeddings.create(
            model="image_classifier", input=[image, image], extra_body={"modality": "image"}, **options
        )
        assert [each.index for each in found.data] == [0, 1]
        assert np.allclose(found.data[1].embedding, expected, atol=1e-6)
        assert found.usage.total_tokens == 0
    found = ai.embeddings.create(model="image_classifier", input=image, encoding_format="base64")
    assert np.allclose(np.frombuffer(base64.b64decode(found.data[0].embedding), "<f4"), expected, atol=1e-6)


def test_openai_lists_models(ai):
    assert [each.id for each in ai.models.list()] == ["image_classifier", "two_inputs", "table"]
    assert ai.models.retrieve("table").owned_by == "onnxnn"


def test_openai_raises_its_own_errors(ai):
    with pytest.raises(openai.NotFoundError, match="no model of this name"):
        ai.embeddings.create(model="gpt", input="a")
    with pytest.raises(openai.NotFoundError):
        ai.models.retrieve("gpt")
    with pytest.raises(openai.BadRequestError, match="takes images, not text"):
        ai.embeddings.create(model="image_classifier", input="a cat")
    with pytest.raises(openai.BadRequestError, match="cannot be shortened") as raised:
        ai.embeddings.create(model="image_classifier", input="a cat", dimensions=2)
    assert raised.value.type == "invalid_request_error"
    assert raised.value.code == "E-INPUT-06"


def test_a_token_is_asked_for_where_one_is_set(server_process):
    server = server_process("table", token="secret")
    for key, is_right in (("secret", True), ("secreT", False)):
        with openai.OpenAI(base_url=server.url + "/v1", api_key=key, max_retries=0) as client:
            if is_right:
                assert client.models.retrieve("table").id == "table"
                continue
            with pytest.raises(openai.AuthenticationError, match="Authorization: Bearer"):
                client.models.list()
    with triton.InferenceServerClient(server.url.partition("//")[2]) as client:
        assert client.is_server_ready()  # for whoever watches the server
        assert client.is_model_ready("table", headers={"Authorization": "Bearer secret"})
        with pytest.raises(triton.InferenceServerException) as raised:
            client.get_server_metadata()
        assert raised.value.status() == "401"
