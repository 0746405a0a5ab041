"""Where a model looks, over HTTP and on the page."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from support.browser import file_input, upload


def halves():
    """A PNG of 32 x 16 pixels, red on the left and blue on the right."""
    array = np.zeros((16, 32, 3), np.uint8)
    array[:, :16, 0], array[:, 16:, 2] = 255, 255
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="PNG")
    return file.getvalue()


def test_the_heat_is_that_of_python(serving, open_model):
    body = {"input": base64.b64encode(halves()).decode(), "heatmap": True}
    with serving("image_heatmap") as client:
        (found,) = client.post("/predict", json=body).json()["predictions"]
        (without,) = client.post("/predict", json={"input": body["input"]}).json()["predictions"]
        (model,) = client.get("/models").json()["models"]
    expected = open_model("image_heatmap").heatmap(halves())
    assert found["label"] == expected.label
    np.testing.assert_allclose(found["heat"], expected.heat, atol=1e-4)
    assert "heat" not in without
    assert model["has_heatmap"]
    assert model["input"]["steps"] == [["resize_short", 8], ["center_crop", 8, 8]]


@pytest.mark.parametrize(("value", "said"), [(True, "heatmap=True"), ("yes", "true or false")])
def test_what_cannot_be_answered_is_refused(client, value, said):
    body = {"input": base64.b64encode(halves()).decode(), "heatmap": value}
    answer = client.post("/predict", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
    assert not client.get("/models").json()["models"][0]["has_heatmap"]


@pytest.mark.slow
@pytest.mark.parametrize(("language", "word"), [("en-US", "Heat map"), ("zh-CN", "热力图")])
def test_the_page_draws_it_over_what_was_seen(server_process, opened, language, word):
    with opened(server_process("image_heatmap").url, language) as page:
        file_input(page).set_input_files(upload(halves()))
        page.wait_for_selector("#result canvas.heat")
        assert word in page.get_attribute("#result canvas.heat", "aria-label")
        light = page.evaluate(
            """() => {
                const canvas = document.querySelector('canvas.heat');
                const {data} = canvas.getContext('2d').getImageData(0, 8, 32, 1);
                return Array.from({length: 32}, (_, x) => data[4 * x] + data[4 * x + 1] + data[4 * x + 2]);
            }"""
        )
    hot, cold, outside = (slice(9, 15), slice(17, 23)), (0, 8), (24, 32)
    label_side, other_side = hot if np.mean(light[hot[0]]) > np.mean(light[hot[1]]) else hot[::-1]
    assert np.mean(light[label_side]) > 1.5 * np.mean(light[other_side])
    assert max(light[: cold[1]] + light[outside[0] :]) < np.mean(light[label_side])


@pytest.mark.slow
def test_what_is_transparent_is_drawn_over_white(server_process, opened):
    file = io.BytesIO()
    Image.new("RGBA", (32, 16), (255, 0, 0, 0)).save(file, format="PNG")
    with opened(server_process("image_heatmap").url) as page:
        file_input(page).set_input_files(upload(file.getvalue()))
        page.wait_for_selector("#result canvas.heat")
        pixel = page.evaluate(
            "Array.from(document.querySelector('canvas.heat').getContext('2d').getImageData(0, 0, 1, 1).data)"
        )
    assert pixel == [102, 102, 102, 255], "the network sees white there, darker where it does not look"
