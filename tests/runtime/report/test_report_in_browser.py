"""The page of a report from `file:` in headless Chromium, without a network: wide, on a phone, on paper."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives a browser")

pytestmark = pytest.mark.slow


@pytest.fixture
def page(open_model, tmp_path):
    """Write a report on images of two classes, half of whose labels are wrong, with long names."""
    random = np.random.default_rng(0)
    for number in range(12):
        for label, color in (("red", (200, 0, 0)), ("绿", (0, 200, 0) if number % 2 else (200, 0, 0))):
            path = tmp_path / "test" / label / f"{'long' * 20} {number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.array(color) + random.integers(0, 50, (90, 70, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(str(path))
    report = open_model("image_classifier").report(tmp_path / "test", train=tmp_path / "test")
    return report.save(tmp_path / "report.html", lang="zh")


@pytest.mark.parametrize("width", [1200, 360])
def test_the_page_needs_nothing_and_no_scrolling_sideways(browser, page, width):
    context = browser.new_context(viewport={"width": width, "height": 800}, offline=True)
    wrong = []
    try:
        shown = context.new_page()
        shown.on("pageerror", lambda error: wrong.append(str(error)))
        shown.on("console", lambda line: wrong.append(line.text))
        shown.on("request", lambda asked: wrong.append(asked.url) if asked.url[:4] == "http" else None)
        shown.goto(page.as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        images = shown.evaluate("[...document.images].map(each => each.naturalWidth)")
        assert len(images) > 20
        assert all(images)
        ink, ground = shown.evaluate(
            "(() => {const style = getComputedStyle(document.querySelector('main'));"
            "return [style.color, style.backgroundColor]})()"
        )
        assert (ink, ground) == ("rgb(22, 38, 43)", "rgb(255, 255, 255)")
        assert "混淆矩阵" in shown.inner_text("main")
        assert len(shown.pdf()) > 10_000
    finally:
        context.close()
    assert wrong == []
