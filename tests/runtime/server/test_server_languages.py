"""Messages are in the language that a request asks for, wherever they are worded."""

from __future__ import annotations

import base64
import re

import pytest
from onnxnn_runtime.messages.catalogue import language
from onnxnn_runtime.server.languages import language_of

BROKEN = base64.b64encode(b"\x89PNG\r\n\x1a\n broken").decode("ascii")

REQUESTS = {
    "no such path": ("GET", "/nothing", {}),
    "another method": ("GET", "/predict", {}),
    "before the body is read": ("POST", "/predict", {"headers": {"Content-Length": "x"}}),
    "of the body": ("POST", "/predict", {"content": b"{"}),
    "of a large body": ("POST", "/predict", {"content": b"[" + b"1," * 100_000 + b"1]"}),
    "of a lane": ("POST", "/predict", {"json": {"input": BROKEN}}),
    "of one of several in a lane": ("POST", "/predict", {"json": {"inputs": [BROKEN, BROKEN]}}),
    "of a call in a lane": ("POST", "/sample", {"json": {"steps": 0, "model": "denoiser_classes"}}),
    "of the protocol": ("POST", "/v2/models/table/infer", {"json": {"inputs": [{"name": "other"}]}}),
    "of OpenAI's paths": ("POST", "/v1/embeddings", {"json": {"model": "other"}}),
}


@pytest.fixture(scope="module")
def several(serving):
    with serving("image_classifier", "table", "denoiser_classes") as client:
        yield client


@pytest.mark.parametrize("name", REQUESTS)
def test_an_error_is_in_the_language_of_the_browser(several, name):
    method, path, options = REQUESTS[name]
    found = {}
    for asked in ("zh-CN,zh;q=0.9", "en-GB", "zh"):
        headers = {"Accept-Language": asked, "Content-Type": "application/json", **options.get("headers", {})}
        rest = {key: value for key, value in options.items() if key != "headers"}
        if "json" in rest and path == "/predict":
            rest["json"] = {**rest["json"], "model": "image_classifier"}
        answer = several.request(method, path, headers=headers, **rest)
        assert answer.status_code >= 400
        found[asked] = bool(re.search("[\u4e00-\u9fff]", str(answer.json()["error"])))
    assert found == {"zh-CN,zh;q=0.9": True, "en-GB": False, "zh": True}
    assert language() == "en"


def test_requests_at_the_same_time_have_their_own_languages(several):
    headers = [{"Accept-Language": each} for each in ("zh", "en") * 8]
    body = {"input": BROKEN, "model": "image_classifier"}
    answers = several.gather(*(("POST", "/predict", {"json": body, "headers": each}) for each in headers))
    for sent, answer in zip(headers, answers):
        is_chinese = bool(re.search("[\u4e00-\u9fff]", answer.json()["error"]["message"]))
        assert is_chinese == (sent["Accept-Language"] == "zh")


def test_without_a_language_that_of_the_server_is_spoken(several, monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    for asked, is_chinese in (("", True), ("*", True), ("en", False), ("fr", False)):
        answer = several.get("/nothing", headers={"Accept-Language": asked})
        assert bool(re.search("[\u4e00-\u9fff]", answer.json()["error"]["message"])) == is_chinese


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh_CN"), ("en-US,en;q=0.9,zh-CN;q=0.8", "en"), ("zh-Hant-TW", "zh_CN"),
        ("fr, zh;q=0.5", "zh_CN"), ("en;q=0.1, zh;q=0.2", "zh_CN"), ("de,fr;q=0.5", "en"), ("zh;q=0", "en"),
        ("EN", "en"), (" ZH ; q=1.0", "zh_CN"), ("", None), ("*", None), (",;,", None), ("zh;q=nan", "en"),
        ("zh;q=x,en;q=0.1", "en"), ("zhuang", "en"), ("x" * 100_000, "en"), ("zh;q=1e999,en", "en"),
    ],
)  # fmt: skip
def test_the_header_says_the_language(header, expected):
    assert language_of(header) == expected
