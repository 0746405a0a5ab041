"""The page for everybody: lines, contrast, the keyboard, and the language of what the server says."""

from __future__ import annotations

import re

import pytest
from support.browser import INSECURE, file_input, png, upload

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives a browser")

pytestmark = pytest.mark.slow

BOXES = """(wanted) => Array.from(document.querySelectorAll(wanted)).map((each) => {
    const box = each.getBoundingClientRect(), range = document.createRange();
    range.selectNodeContents(each);
    const text = range.getBoundingClientRect();
    return {left: box.left, top: box.top, height: box.height, text: text.top - box.top};
})"""


@pytest.mark.parametrize("width", [360, 1000])
@pytest.mark.parametrize("prepared", ["", INSECURE], ids=["camera", "no camera"])
def test_buttons_and_fields_are_in_line(server_process, opened, prepared, width):
    with opened(server_process("image_classifier", "text").url, width=width, prepared=prepared) as page:
        for words in ("Choose an image", "选择图像"):
            page.wait_for_selector(f".drop :text('{words}')")
            boxes = page.evaluate(BOXES, "#input button, #input .button, #modes button")
            assert len({box["height"] for box in boxes}) == 1
            assert max(box["text"] for box in boxes) - min(box["text"] for box in boxes) < 0.5
            for before, box in zip(boxes, boxes[1:]):
                assert box["top"] == before["top"] or box["top"] >= before["top"] + before["height"]
            page.click("#language")
        page.select_option("#model", "text")
        fields = page.evaluate(BOXES, "#input textarea, #input input[type=range], #input button.main")
        assert len(fields) == 3
        assert len({box["left"] for box in fields}) == 1


CONTRAST = """() => {
    const numbers = (color) => color.match(/[0-9.]+/g).map(Number);
    const light = (color) => color.slice(0, 3).map((each) => each / 255)
        .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
        .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (each) => {
        const color = numbers(getComputedStyle(each).backgroundColor);
        const isOpaque = color.length === 3 || color[3] === 1 || !each.parentElement;
        return isOpaque ? color : ground(each.parentElement);
    };
    const ratio = (each, pseudo) => {
        const both = [light(numbers(getComputedStyle(each, pseudo).color)), light(ground(each))];
        return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    };
    const found = [];
    for (const each of document.querySelectorAll('body *')) {
        const own = Array.from(each.childNodes).some((node) => node.nodeType === 3 && node.data.trim());
        if (each.getClientRects().length && (own || each.value)) found.push([ratio(each), each.outerHTML]);
        if (each.placeholder) found.push([ratio(each, '::placeholder'), each.outerHTML]);
    }
    return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(server_process, opened, scheme):
    """At least 4.5, as WCAG 2.2 (1.4.3) has it."""
    with opened(server_process("image_classifier", "loop").url) as page:
        page.emulate_media(color_scheme=scheme)
        file_input(page).set_input_files(upload(png()))
        page.wait_for_selector(".bars")
        seen = page.evaluate(CONTRAST)
        file_input(page).set_input_files(upload(b"hello"))
        page.wait_for_selector(".problem")
        seen += page.evaluate(CONTRAST)
        page.select_option("#model", "loop")
        page.click("#input button.main")
        page.wait_for_selector("[aria-busy=false] .images img")
        seen += page.evaluate(CONTRAST)
        page.goto(page.url + "docs")
        page.wait_for_selector("details")
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        seen += page.evaluate(CONTRAST)
    assert len(seen) > 100
    assert [each for each in seen if each[0] < 4.5] == []


FOCUS = """() => {
    const now = document.activeElement;
    const shown = getComputedStyle(now.classList.contains('file') ? now.nextElementSibling : now);
    return [now.tagName, shown.outlineStyle, parseFloat(shown.outlineWidth)];
}"""


@pytest.mark.parametrize("prepared", ["", INSECURE], ids=["camera", "no camera"])
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(server_process, opened, prepared):
    with opened(server_process("image_classifier", "table").url, prepared=prepared) as page:
        page.wait_for_selector(".drop")
        found = []
        while len(found) < 50 and (not found or found[-1][0] != "BODY"):
            page.keyboard.press("Tab")
            found.append(page.evaluate(FOCUS))
        controls = page.locator("a, select:visible, button:visible, input[type=file]")
        assert len(found) - 1 == controls.count()
        assert [each for each in found[:-1] if each[1] != "solid" or each[2] < 2] == []


def test_the_focus_stays_on_the_button_that_was_pressed(server_process, opened):
    with opened(server_process("table").url) as page:
        for number in (0, 1):
            page.locator("#input input").nth(number).fill("1")
        for _ in range(2):
            page.focus("#input button.main")
            page.keyboard.press("Enter")
            page.wait_for_selector("[aria-busy=false] .bars")
            page.wait_for_function("document.activeElement.className === 'main'")


@pytest.mark.parametrize(("language", "is_chinese"), [("zh-CN", True), ("en-US", False), ("fr-FR", False)])
def test_what_the_server_says_is_in_the_language_of_the_page(server_process, opened, language, is_chinese):
    with opened(server_process("image_classifier", "values").url, language) as page:
        for expected in (is_chinese, not is_chinese, is_chinese):
            file_input(page).set_input_files(upload(png()[:60]))
            said = page.wait_for_selector(".problem .detail").inner_text()
            assert bool(re.search("[\u4e00-\u9fff]", said)) == expected
            page.click("#language")
        page.click("#language")
        page.select_option("#model", "values")
        for number in (0, 1):
            page.locator("#input input").nth(number).fill("1")
        page.click("#input button.main")
        names = page.locator("#result th")
        playwright.expect(names).to_have_text(["x", "y", "值 2" if is_chinese else "value 2"])
