"""The page in headless Chromium, with a camera that Chromium makes up."""

from __future__ import annotations

import os

import numpy as np
import onnxnn_runtime as rt
import pytest
from support.browser import INSECURE, file_input, png, upload

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives a browser")

NAMES = (
    "image_classifier", "image_embedder", "table", "values", "text", "denoiser_classes", "loop", "sequence",
    "tokens", "no_card",
)  # fmt: skip

pytestmark = pytest.mark.slow


def test_a_chosen_image_is_classified(server_process, opened, open_model):
    with opened(server_process("image_classifier").url) as page:
        file_input(page).set_input_files(upload(png()))
        page.wait_for_selector(".bars")
        found = page.locator(".bars .line").all_inner_texts()
        page.wait_for_selector("img.shown")
    expected = open_model("image_classifier").predict(png(), k=2)[0]
    assert [each.split() for each in found] == [
        [label, f"{100 * score:.1f}%"] for label, score in expected.top
    ]


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_a_photo_is_taken(server_process, opened, language):
    words = {"en-US": ("Take a photo", "Use this image"), "zh-CN": ("拍照", "使用这个画面")}[language]
    with opened(server_process("image_classifier").url, language, 360) as page:
        page.get_by_role("button", name=words[0]).click()
        page.get_by_role("button", name=words[1]).click()
        page.wait_for_selector(".bars")
        assert page.locator("video").count() == 0
        assert page.locator(".bars li").count() == 2


def test_a_dropped_image_is_classified_and_another_file_is_refused(server_process, opened):
    drop = """([content, type]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(content)], 'a', {type}));
        const place = document.querySelector('.drop');
        for (const name of ['dragover', 'drop']) {
            place.dispatchEvent(new DragEvent(name, {dataTransfer: data, cancelable: true}));
        }
    }"""
    with opened(server_process("image_classifier").url) as page:
        page.wait_for_selector(".drop")
        page.evaluate(drop, [list(png()), "image/png"])
        page.wait_for_selector(".bars")
        page.evaluate(drop, [list(b"hello"), "text/plain"])
        page.wait_for_selector("[role=alert] .problem")
        assert "not an image that the server reads" in page.inner_text("[role=alert]")
        assert page.locator(".bars").count() == 0
        file_input(page).set_input_files(upload(png()[:60]))  # cut off
        playwright.expect(page.locator("[role=alert]")).to_contain_text("cannot use this input")


def test_without_the_camera_of_browsers_that_of_phones_opens(server_process, opened):
    with opened(server_process("image_classifier").url, prepared=INSECURE) as page:
        taken = page.locator("input[capture=environment]")
        taken.set_input_files(upload(png()))
        page.wait_for_selector(".bars")


def test_a_camera_that_is_refused_is_said(server_process, opened):
    refused = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('NotAllowedError'))"
    with opened(server_process("image_classifier").url, prepared=refused) as page:
        page.get_by_role("button", name="Take a photo").click()
        page.wait_for_selector("[role=alert] .problem")
        assert "camera cannot be used" in page.inner_text("[role=alert]")


FORMS = {
    "image_embedder": (None, ".bars"),
    "table": (["1", "2.5"], ".bars"),
    "values": (["1", "2"], "table"),
    "text": (["春"], ".written"),
    "denoiser_classes": ([], ".images img"),
    "loop": ([], ".images img"),
    "sequence": (["1 2\n3 4"], ".bars"),
    "tokens": (["好b"], ".bars"),
    "no_card": (None, "#input p"),
}
"""What is typed, and what is shown then."""


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 360), ("en-US", 1000)])
def test_each_kind_of_model_has_its_form(server_process, opened, language, width):
    with opened(server_process(*NAMES).url, language, width) as page:
        for name, (typed, shown) in FORMS.items():
            page.select_option("#model", name)
            if name == "image_embedder":
                for number in (0, 1):
                    file_input(page, number).set_input_files(upload(png((30, 20 + number))))
            for number, text in enumerate(typed or ()):
                page.locator("#input input:not([type=range]), #input textarea").nth(number).fill(text)
            if typed is not None:
                page.click("#input button.main")
            page.wait_for_selector(shown)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
            assert unnamed(page) == [], name


def unnamed(page):
    """Return controls without a name, which readers could not say."""
    return page.evaluate(
        """() => {
            const isNamed = (each) => each.textContent.trim() || (each.labels && each.labels.length)
                || each.querySelector('img[alt]:not([alt=""])');
            const found = document.querySelectorAll('input, select, textarea, button, a');
            return Array.from(found)
                .filter((each) => each.offsetParent !== null && !isNamed(each))
                .map((each) => each.outerHTML);
        }"""
    )


def test_the_language_is_switched_and_kept(server_process, opened):
    with opened(server_process("table").url, "zh-CN") as page:
        page.wait_for_selector("#work:not([hidden])")
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        assert page.inner_text("#input button.main") == "预测"
        page.click("#language")
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.inner_text("#input button.main") == "Predict"
        page.reload()
        page.wait_for_selector("#work:not([hidden])")
        assert page.inner_text("#input button.main") == "Predict"


def test_the_token_is_asked_for_and_kept(server_process, opened):
    with opened(server_process("table", token="secret").url) as page:
        for token in ("wrong", "秘密"):
            page.fill("#token-value", token)
            page.press("#token-value", "Enter")
            page.wait_for_selector("[role=alert] .problem")
        page.fill("#token-value", "secret")
        page.press("#token-value", "Enter")
        page.wait_for_selector("#work:not([hidden])")
        page.reload()
        page.wait_for_selector("#work:not([hidden])")
        assert not page.is_visible("#token")


@pytest.mark.parametrize(
    ("language", "said"), [("en-US", "not called by this name"), ("zh-CN", "不能用这个名称访问")]
)
def test_a_server_that_is_called_by_another_name_says_so(server_process, opened, language, said):
    with opened(server_process("table").url, language, 360) as page:
        page.wait_for_selector("#work:not([hidden])")
        page.route("**/models", lambda route: route.fulfill(status=403, json={"error": {"message": "Host"}}))
        page.reload()
        page.wait_for_selector("[role=alert] .problem")
        assert said in page.inner_text("[role=alert]")


def test_a_camera_that_opens_too_late_is_closed(server_process, opened):
    """Another model was chosen while the browser asked."""
    prepared = """
        const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (asked) => {
            window.stream = await real(asked);
            await new Promise((resolve) => { window.allow = resolve; });
            return window.stream;
        };
    """
    url = server_process("image_classifier", "table").url
    with opened(url, prepared=prepared) as page:
        page.get_by_role("button", name="Take a photo").click()
        page.evaluate("new Promise((resolve) => { setInterval(() => window.allow && resolve(), 20); })")
        page.select_option("#model", "table")
        page.evaluate("window.allow()")
        page.evaluate(
            """new Promise((resolve) => {
                const isEnded = (each) => each.readyState === 'ended';
                setInterval(() => window.stream.getTracks().every(isEnded) && resolve(), 20);
            })"""
        )


def test_a_form_is_sent_with_the_keyboard_alone(server_process, opened):
    with opened(server_process("table").url) as page:
        page.wait_for_selector("#work:not([hidden])")
        for key in ["Tab"] * 4 + ["1", "Tab", "2", "Tab", "Enter"]:
            page.keyboard.press(key)
        page.wait_for_selector("[aria-live=polite] .bars")


def test_a_server_that_is_gone_is_said(server_process, opened):
    with opened(server_process("table").url) as page:
        page.wait_for_selector("#work:not([hidden])")
        for number in (0, 1):
            page.locator("#input input").nth(number).fill("1")
        page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('Failed to fetch')); }")
        page.click("#input button.main")
        page.wait_for_selector("[role=alert] .problem")
        assert "does not answer" in page.inner_text("[role=alert]")


def test_similar_images_of_the_gallery_are_shown(server_process, opened, open_model, tmp_path):
    model = open_model("image_classifier")
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png((30, 20), (80 * number, 9, 9)))
    names = [str(tmp_path / f"{number}.png") for number in range(3)]
    gallery = rt.Gallery.build(model, names, tmp_path / "gallery", labels=["black", "brown", "red"])
    os.remove(names[0])
    with opened(server_process("image_classifier", gallery=str(gallery.path)).url, width=360) as page:
        page.get_by_role("button", name="Find similar images").click()
        file_input(page).set_input_files(upload(png((30, 20), (160, 9, 9))))
        playwright.expect(page.locator(".images img")).to_have_count(2)
        assert page.locator(".images li").count() == len(names)
        assert "No image to show" in page.inner_text("#result")
        assert np.all([each in page.inner_text("#result") for each in ("black", "brown", "red")])


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_the_calls_are_described(server_process, opened, language):
    with opened(server_process("table").url, language, 360, "/docs") as page:
        page.wait_for_selector("details")
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        shown = page.inner_text("#calls")
        for path in ("/predict", "/v2/models/{name}/infer", "/v1/embeddings", "/metrics"):
            assert path in shown
        assert ("Feature vectors" in shown) == (language == "en-US")


@pytest.mark.parametrize("garden", ["true", ""])
def test_the_columns_of_a_table_have_fields_of_their_kinds(server_process, opened, open_model, garden):
    with opened(server_process("mixed").url) as page:
        page.get_by_label("size").fill("3.5")
        page.get_by_label("town").select_option("上海")
        page.get_by_label("built").fill("2025-03-04")
        page.get_by_label("garden").select_option(garden)
        page.get_by_role("button", name="Predict").click()
        page.wait_for_selector("table")
        found = page.inner_text("table").split()
    row = {"size": 3.5, "town": "上海", "built": "2025-03-04", "garden": garden or None}
    expected = open_model("mixed").predict(row)[0].values
    assert [float(text.replace(",", "")) for text in found[-3 * len(expected) :][2::3]] == list(
        expected.values()
    )
