"""The page for browsers: its files, what they may load, its texts, and what it knows of models."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

pytest.importorskip("starlette", reason="needs onnxnn-runtime[serve]")

from onnxnn_runtime.server.page import STATIC

FILES = {path.name: path.read_text(encoding="utf-8") for path in sorted(STATIC.iterdir())}
CODE = {name: text for name, text in FILES.items() if name.endswith((".html", ".js", ".css"))}
TEXTS = json.loads(FILES["texts.json"])

DOES = ("classify", "regress", "embed", "generate", "translate", "sample", "infer")
BUILT = {
    *(f"does_{each}" for each in DOES),
    *(f"error_{status}" for status in (400, 401, 403, 404, 409, 413, 415, 500, 503, 504, 507)),
    *(f"type_{each}" for each in ("characters", "words", "ids")),
}
"""Keys of texts that the page puts together."""


def test_the_pages_are_served(client):
    for path, kind in {"/": "text/html", "/docs": "text/html", "/static/page.js": "text/javascript"}.items():
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = dict(
            each.strip().split(" ", 1) for each in answer.headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'self'"
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert not {"script-src", "style-src", "connect-src"} & set(policy)
    assert client.get("/static/icon.svg").headers["content-type"].startswith("image/svg+xml")


@pytest.mark.parametrize(
    "name", ["no.js", "../page.py", "%2e%2e%2fpage.py", "..%5cpage.py", "", "page.js%00", "."]
)
def test_no_other_file_is_served(client, name):
    assert client.get(f"/static/{name}").status_code == 404


class Links(HTMLParser):
    """Collects what a page loads or links, and attributes that hold code."""

    def __init__(self, text):
        super().__init__()
        self.links, self.code = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src", "action"):
                self.links.append(value)
            if name.startswith("on") or name == "style" or tag == "style":
                self.code.append(name)
        if tag == "script":
            assert dict(attributes)["src"]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".html")])
def test_a_page_loads_files_of_the_server_alone(client, name):
    found = Links(FILES[name])
    assert found.code == []
    for link in found.links:
        assert link.startswith("#") or client.get(link).status_code == 200


@pytest.mark.parametrize("name", CODE)
def test_no_file_names_another_host_or_makes_code_of_text(name):
    text = CODE[name].replace("http://127.0.0.1:8000", "")
    assert re.findall(r"https?://|//[\w-]+\.\w", text) == []
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\b|\bFunction\(|document\.write", text)
        == []
    )
    for imported in re.findall(r"from '\./([^']+)'", text):
        assert imported in FILES


def test_every_text_is_there_in_both_languages():
    for key, text in TEXTS.items():
        assert set(text) == {"en", "zh"}, key
        assert re.search(r"[\u4e00-\u9fff]", text["zh"]) or key == "other_language", key
        assert not re.search(r"[\u4e00-\u9fff]", text["en"]) or key == "other_language", key
        assert re.findall(r"\{\w+\}", text["en"]) == re.findall(r"\{\w+\}", text["zh"]), key


def test_the_texts_are_those_that_the_pages_use():
    code = "\n".join(CODE.values())
    named = set(re.findall(r'data-text="(\w+)"', code)) | set(re.findall(r"\btext\('(\w+)'", code))
    assert named - {"does_", "error_", "type_"} <= set(TEXTS)
    assert set(TEXTS) >= BUILT
    assert {key for key in TEXTS if f"'{key}'" not in code and f'"{key}"' not in code} <= BUILT


def test_the_page_knows_what_each_model_does(serving):
    names = ("image_classifier", "table", "text", "tokens", "loop", "no_card")
    with serving(*names, max_items=7) as client:
        found = client.get("/models").json()
    assert (found["gallery"], found["max_items"]) == (None, 7)
    models = {each["name"]: each for each in found["models"]}
    assert list(models) == list(names)
    assert models["image_classifier"]["classes"] == ["red", "绿"]
    assert models["image_classifier"]["has_vector"]
    assert models["table"]["input"]["features"] == ["length", "宽"]
    assert models["text"]["input"]["tokens"] == "characters"
    assert models["tokens"]["input"]["tokens"] == "characters"
    assert models["loop"]["sampling"] == {"shape": [1, 4, 5], "timesteps": 30, "fixed_steps": 10}
    assert (models["no_card"]["does"], models["no_card"]["input"]) == ("infer", None)
    assert {each["does"] for each in models.values()} <= set(DOES)


def test_the_pages_are_open_and_the_models_need_the_token(serving):
    with serving("table", token="secret") as client:
        for path in ("/", "/docs", "/openapi.json", "/static/page.js", "/static/texts.json"):
            assert client.get(path).status_code == 200
            assert "table" not in client.get(path).text or path != "/"
        assert client.get("/models").status_code == 401
        assert client.get("/models", headers={"Authorization": "Bearer secret"}).status_code == 200
