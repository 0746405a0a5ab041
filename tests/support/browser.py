"""Headless Chromium, with a camera that it makes up, and what tests of the page do with it."""

from __future__ import annotations

import contextlib
import functools
import io
import shutil

import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

ARGUMENTS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]

INSECURE = "Object.defineProperty(window, 'isSecureContext', {value: false})"
"""Prepares the page as browsers have it over HTTP from another machine."""


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives a browser")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: bash scripts/system-packages.sh")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def opened(browser):
    """Open the page of a server: `with opened(url, "zh-CN", 360) as page`."""
    return functools.partial(opened_in, browser)


@contextlib.contextmanager
def opened_in(browser, url, language="en-US", width=1000, path="/", prepared=""):
    """Open the page of a server; nothing may go wrong there, and nothing be loaded from elsewhere."""
    context = browser.new_context(
        locale=language, viewport={"width": width, "height": 800}, permissions=["camera"]
    )
    wrong = []
    try:
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.add_init_script(prepared)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda line: wrong.append(line.text) if not _is_of_status(line) else None)
        page.on("request", lambda request: wrong.extend(_foreign(request.url, url)))
        page.goto(url + path)
        yield page
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        context.close()
    assert wrong == []


def _is_of_status(line):
    """Return whether a line of the console only says that a response has a status of an error."""
    return line.type == "error" and line.text.startswith("Failed to load resource: the server responded")


def _foreign(address, url):
    return [] if address.startswith((url + "/", "blob:", "data:")) else [address]


def png(size=(40, 30), color=(200, 30, 90)):
    """Return an image of one colour as a PNG."""
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, format="PNG")
    return file.getvalue()


def upload(content, name="photo.png", kind="image/png"):
    """Return a file for an input of the page."""
    return {"name": name, "mimeType": kind, "buffer": content}


def file_input(page, number=0):
    """Return the input that chooses an image."""
    return page.locator("#input input[type=file]:not([capture])").nth(number)
