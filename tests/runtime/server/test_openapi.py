"""The OpenAPI document names the routes that there are, and says what they answer."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("starlette", reason="needs onnxnn-runtime[serve]")
jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema, which checks schemas")

import onnxnn_runtime  # noqa: E402
from onnxnn_runtime.server.page import STATIC  # noqa: E402
from starlette.routing import Route  # noqa: E402

ANSWERS = {
    "/predict of classes": ("image_classifier", "/predict?k=2", {"input": [[[0, 0, 0]] * 2] * 2}, 200),
    "/predict of values": ("values", "/predict", {"input": [1, 2]}, 200),
    "/predict of steps": ("sequence", "/predict", {"input": [[1, 2], [3, 4]]}, 200),
    "/embed": ("image_classifier", "/embed", {"input": [[[0, 0, 0]] * 2] * 2}, 200),
    "/similarity": ("image_classifier", "/similarity", {"inputs": [[[[0, 0, 9]] * 2] * 2] * 2}, 200),
    "/generate": ("text", "/generate", {"prompt": "春", "length": 5}, 200),
    "/sample": ("denoiser_classes", "/sample", {"num": 1, "steps": 1}, 200),
    "an unknown option": ("table", "/predict", {"kk": 1}, 400),
    "an unknown model": ("table", "/predict", {"model": "tabel", "input": [1, 2]}, 404),
    "too much": ("table", "/predict", {"k": 10**9, "input": [1, 2]}, 413),
}


@pytest.fixture
def whole(serving, open_model, tmp_path):
    """A server with every route."""
    model = open_model("image_classifier")
    gallery = onnxnn_runtime.Gallery.from_vectors([[1, 2, 3]], ["a.png"], model=model)
    with serving("image_classifier", gallery=str(gallery.save(tmp_path / "gallery"))) as client:
        yield client


@pytest.fixture
def document(whole):
    return whole.get("/openapi.json").json()


def resolved(document, part):
    while "$ref" in part:
        found = document
        for key in part["$ref"].split("/")[1:]:
            found = found[key]
        part = found
    return part


def parts(node):
    """Yield every object in a document."""
    if isinstance(node, dict):
        yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from parts(each)


def test_the_document_names_the_routes(whole, document):
    routes = {
        (route.path, method.lower())
        for route in whole.app.routes
        if isinstance(route, Route)
        for method in route.methods - {"HEAD"}
    }
    assert {(path, method) for path, item in document["paths"].items() for method in item} == routes
    written = json.loads((STATIC / "openapi.json").read_text(encoding="utf-8"))
    assert set(written["paths"]) == set(document["paths"])


def test_every_reference_leads_to_something(document):
    used = {part["$ref"] for part in parts(document) if "$ref" in part}
    assert "#/components/schemas/Prediction" in used
    for reference in used:
        assert resolved(document, {"$ref": reference})


def test_every_schema_is_one_of_json_schema(document):
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_description_is_there_in_chinese(document):
    for part in parts(
        [document["paths"], document["components"]["schemas"], document["components"]["responses"]]
    ):
        if ("summary" in part or isinstance(part.get("description"), str)) and part.get(
            "description"
        ) != "Seconds":
            assert part["x-zh"]


def test_the_document_says_whether_a_token_is_needed(serving):
    with serving("table") as client:
        assert client.get("/openapi.json").json()["security"] == []
    with serving("table", token="secret") as client:
        found = client.get("/openapi.json").json()
    assert found["security"] == [{"token": []}]
    assert found["paths"]["/healthz"]["get"]["security"] == []


def test_the_document_of_a_server_without_a_gallery_has_no_search(client):
    assert "/search" not in client.get("/openapi.json").json()["paths"]


def test_matches_are_as_the_document_says(whole, document):
    answer = whole.post("/search", json={"input": [[[0, 0, 9]] * 2] * 2})
    assert answer.json()["matches"][0][0]["name"] == "a.png"
    check(document, "post", "/search", answer)


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_are_as_the_document_says(serving, name):
    model, path, body, status = ANSWERS[name]
    with serving(model) as client:
        document = client.get("/openapi.json").json()
        answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    check(document, "post", path.partition("?")[0], answer)


def test_a_page_of_another_origin_is_refused_as_the_document_says(whole, document):
    for path, item in document["paths"].items():
        for method in item:
            answer = whole.request(method, path, headers={"Origin": "https://other.example"})
            assert answer.status_code == 403
            check(document, method, path, answer)


@pytest.mark.parametrize("path", ["/models", "/healthz"])
def test_what_is_said_about_models_is_as_the_document_says(serving, path):
    with serving("image_classifier", "table", "text", "loop", "no_card") as client:
        check(client.get("/openapi.json").json(), "get", path, client.get(path))


def check(document, method, path, answer):
    """Check an answer by the schema of the document."""
    response = resolved(document, document["paths"][path][method]["responses"][str(answer.status_code)])
    schema = response["content"]["application/json"]["schema"]
    jsonschema.validate(
        answer.json(), {**schema, "components": document["components"]}, jsonschema.Draft202012Validator
    )
    assert json.loads(answer.text) == answer.json()
