"""Inputs that are like none of the training, over HTTP and on the page."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from support.browser import file_input, png, upload
from support.languages import is_in

IMAGES = {"red": (255, 0, 0), "grey": (128, 128, 128)}


def sent(color):
    return {"input": base64.b64encode(png(color=color)).decode()}


@pytest.mark.parametrize("name", IMAGES)
def test_the_answer_is_that_of_python(serving, open_model, name):
    with serving("image_unknown") as client:
        answer = client.post("/predict", json={**sent(IMAGES[name]), "k": 2, "unknown": True})
        without = client.post("/predict", json=sent(IMAGES[name]))
        form = client.post("/predict?unknown=true", files={"image": ("a.png", png(color=IMAGES[name]))})
    expected = open_model("image_unknown").predict(png(color=IMAGES[name]), k=2, unknown=True)[0]
    found = answer.json()["predictions"][0]
    assert found["label"] == expected.label == ("unknown" if name == "grey" else "red")
    assert found["distance"] == pytest.approx(expected.distance, abs=1e-5)
    assert [each["label"] for each in found["top"]] == [label for label, _ in expected.top]
    assert "distance" not in without.json()["predictions"][0]
    assert form.json()["predictions"][0]["label"] == expected.label


def test_a_model_that_detects_them_says_so(serving):
    with serving("image_unknown", "image_classifier") as client:
        models = {each["name"]: each for each in client.get("/models").json()["models"]}
    assert {name: each["detects_unknown"] for name, each in models.items()} == {
        "image_unknown": True,
        "image_classifier": False,
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [({"unknown": True}, "export(path, unknown=True)"), ({"unknown": "yes"}, "true or false")],
)
def test_what_cannot_be_answered_is_refused(client, body, said):
    answer = client.post("/predict", json={**sent((0, 0, 0)), **body})
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


def test_the_refusal_is_chinese_where_that_is_asked_for(client):
    answer = client.post(
        "/predict", json={**sent((0, 0, 0)), "unknown": True}, headers={"Accept-Language": "zh-CN"}
    )
    assert "export(path, unknown=True)" in answer.json()["error"]["message"]
    assert is_in("zh", answer.json()["error"]["message"])


def test_several_inputs_have_their_own_answers(serving):
    with serving("image_unknown") as client:
        body = {"inputs": [sent(color)["input"] for color in IMAGES.values()], "unknown": True}
        found = client.post("/predict", json=body).json()["predictions"]
    assert [each["label"] for each in found] == ["red", "unknown"]


@pytest.mark.slow
@pytest.mark.parametrize(("language", "word"), [("en-US", "Unknown"), ("zh-CN", "未知")])
def test_the_page_says_unknown(server_process, opened, language, word):
    with opened(server_process("image_unknown").url, language) as page:
        file_input(page).set_input_files(upload(png(color=IMAGES["grey"])))
        page.wait_for_selector("#result .bars.unknown")
        assert page.inner_text("#result .best") == word
        file_input(page).set_input_files(upload(png(color=IMAGES["red"])))
        page.wait_for_selector("#result .bars:not(.unknown)")
        assert page.inner_text("#result .best") == "red"


def test_numbers_of_the_message_are_plain(serving):
    with serving("image_unknown") as client:
        array = np.zeros((8, 8, 3), np.uint8).tolist()
        found = client.post("/predict", json={"input": array, "unknown": True}).json()["predictions"][0]
    assert found["label"] == "unknown"
    assert isinstance(found["distance"], float)
