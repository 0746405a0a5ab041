"""The page of the studio: its files, its texts in both languages, and what it loads."""

from __future__ import annotations

import json
import re

import pytest
from onnxnn_runtime.server.page import STATIC

from onnxnn.studio.app import OWN

FILES = {path.name: path.read_text(encoding="utf-8") for path in sorted(OWN.iterdir())}
CODE = {name: text for name, text in FILES.items() if name.endswith((".html", ".js", ".css"))}
TEXTS = json.loads(FILES["studio-texts.json"])
SHARED = json.loads((STATIC / "texts.json").read_text(encoding="utf-8"))
BUILT = {
    *(f"phase_{each}" for each in ("load", "train", "export", "stopped", "failed")),
    *(f"export_{each}{end}" for each in ("html", "onnx", "zip") for end in ("", "_help")),
    "error_400",
    *(f"curve_{each}" for each in ("learned", "tested")),
}
"""Keys of texts that the page puts together."""


def test_the_page_and_its_files_are_served(client):
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for link in re.findall(r'(?:href|src)="([^"#]+)"', page.text):
        answer = client.get(link)
        assert answer.status_code == 200, link
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    for name, text in CODE.items():
        for imported in re.findall(r"from '\./([^']+)'", text):
            assert client.get(f"/static/{imported}").status_code == 200, (name, imported)


def test_both_sets_of_texts_are_served_as_one(client):
    assert client.get("/static/texts.json").json() == {**SHARED, **TEXTS}
    assert set(SHARED) & set(TEXTS) == {"error_400"}  # there it speaks of a model


@pytest.mark.parametrize("name", ["no.js", "../app.py", "%2e%2e%2fapp.py", "", "studio.js%00", ".", "app.py"])
def test_no_other_file_is_served(client, name):
    assert client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("name", CODE)
def test_no_file_names_another_host_or_makes_code_of_text(name):
    text = CODE[name].replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"https?://|//[\w-]+\.\w", text) == []
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\b|\bFunction\(|document\.write", text)
        == []
    )
    assert re.findall(r"<style|<script>|\son\w+=|\sstyle=", text) == []


def test_every_text_is_there_in_both_languages():
    for key, text in TEXTS.items():
        assert set(text) == {"en", "zh"}, key
        assert re.search(r"[\u4e00-\u9fff]", text["zh"]), key
        assert not re.search(r"[\u4e00-\u9fff]", text["en"]), key
        assert sorted(re.findall(r"\{\w+\}", text["en"])) == sorted(re.findall(r"\{\w+\}", text["zh"])), key


def test_the_texts_are_those_that_the_page_uses():
    code = "\n".join(CODE.values())
    named = set(re.findall(r'data-text="(\w+)"', code)) | set(re.findall(r"\btext\('(\w+)'", code))
    known = set(SHARED) | set(TEXTS)
    assert named - {"phase_", "export_", "curve_"} <= known
    assert known >= BUILT
    assert {key for key in TEXTS if f"'{key}'" not in code and f'"{key}"' not in code} <= BUILT


@pytest.mark.parametrize(("weights", "network"), [("there", "efficientnet_lite0"), (None, "mobilenet")])
def test_the_page_knows_what_to_install(studio, monkeypatch, weights, network):
    monkeypatch.setattr("onnxnn.studio.recipe_text.installed_weights", lambda: weights)
    with studio() as client:
        facts = client.get("/studio/project").json()
    assert facts["network"] == network
    assert (facts["package"] is None) == (weights is not None)
