"""The examples with cameras run, on cameras and a display that tests make up."""

from __future__ import annotations

import onnxnn_runtime as rt
import pytest
from support.paths import GOLDEN, ROOT
from support.prepared import run_interpreter

EXAMPLES = ROOT / "examples"
MODEL = GOLDEN / "models" / "image_classifier.onnx"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not here")

CV2 = '''
import time
import numpy as np
CAP_PROP_BUFFERSIZE, COLOR_BGR2RGB, FONT_HERSHEY_SIMPLEX = 38, 4, 0
shown = []


class VideoCapture:
    """A recording: six frames of red, blue first, then nothing."""

    def __init__(self, number):
        assert number == 0
        self.count = 0

    def set(self, what, value):
        assert (what, value) == (CAP_PROP_BUFFERSIZE, 1)

    def read(self):
        time.sleep(0.05)
        self.count += 1
        if self.count > 6:
            return False, None
        frame = np.zeros((480, 640, 3), np.uint8)
        frame[..., 2] = 255
        return True, frame

    def release(self):
        open("released", "w").close()


def cvtColor(frame, code):
    assert code == COLOR_BGR2RGB
    return np.ascontiguousarray(frame[..., ::-1])


def putText(frame, text, place, font, scale, color, width):
    frame[:1] = 0


def imshow(title, frame):
    assert frame.shape == (480, 640, 3)


def waitKey(milliseconds):
    return -1
'''
UNIHIKER = """
class Drawn:
    def __init__(self, **settings):
        self.settings = settings

    def config(self, **settings):
        assert set(settings) <= set(self.settings)
        image = settings.get("image")
        if image is not None:
            print("image", image.mode, *image.size, *image.getpixel((120, 160)), flush=True)
        if "text" in settings:
            print("text", settings["text"], flush=True)


class GUI:
    def draw_image(self, **settings):
        assert settings["image"].size == (settings["w"], settings["h"]) == (240, 320)
        return Drawn(**settings)

    def draw_text(self, **settings):
        assert 0 <= settings["x"] < 240 and 0 <= settings["y"] < 320
        return Drawn(**settings)
"""
PICAMERA2 = """
import time
import numpy as np


class Picamera2:
    count, state = 0, "open"

    def create_video_configuration(self, main):
        assert main == {"size": (640, 480), "format": "BGR888"}
        return main

    def configure(self, configuration):
        self.size = configuration["size"]

    def start(self):
        self.state = "started"

    def capture_array(self, name):
        assert (name, self.state) == ("main", "started")
        time.sleep(0.05)
        self.count += 1
        if self.count > 6:
            raise RuntimeError("the cable")
        frame = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        frame[..., 0] = 255
        return frame

    def stop(self):
        self.state = "stopped"

    def close(self):
        assert self.state == "stopped"
        open("released", "w").close()
"""


TAUGHT = (
    CV2
    + """
KEYS = "1110222000"  # three frames of class 1, one without, three of class 2, and then it looks


def read(self):
    self.count += 1
    if self.count > len(KEYS):
        return False, None
    frame = np.zeros((480, 640, 3), np.uint8)
    frame[..., 2 if self.count in (1, 2, 3, 4, 8) else 0] = 200 + self.count
    return True, frame


def waitKey(milliseconds):
    waitKey.count += 1
    key = KEYS[waitKey.count - 1]
    return -1 if key == "0" or gpiozero else ord(key)


waitKey.count = 0
VideoCapture.read = read
try:
    import gpiozero
except ImportError:
    gpiozero = None
"""
)
GPIOZERO = """
class Button:
    def __init__(self, pin):
        self.key = {17: "1", 27: "2"}[pin]

    @property
    def is_pressed(self):
        import cv2
        return cv2.KEYS[cv2.waitKey.count - 1] == self.key
"""


@pytest.fixture
def run(tmp_path):
    """Run an example beside made-up packages, whose camera fails in the end."""

    def run(name, *options, **packages):
        for package, text in packages.items():
            (tmp_path / f"{package}.py").write_text(text, encoding="utf-8")
        script = tmp_path / name
        script.write_text((EXAMPLES / name).read_text(encoding="utf-8"), encoding="utf-8")
        done = run_interpreter([script, MODEL, *options], cwd=tmp_path)
        assert done.returncode == 1, done.stderr
        assert (tmp_path / "released").exists()
        return done

    return run


@pytest.mark.parametrize("options", [[], ["--window"]])
def test_the_opencv_camera(run, options):
    done = run("camera_opencv.py", *options, cv2=CV2)
    lines = done.stdout.splitlines()
    assert {line.split()[2] for line in lines if "dropped)" in line} == {"red"}
    assert "OSError: the camera gives no image" in done.stderr


def test_the_display_of_the_unihiker(run):
    done = run("unihiker_display.py", cv2=CV2, unihiker=UNIHIKER)
    lines = done.stdout.splitlines()
    assert set(lines[::2]) == {"image RGB 240 320 255 0 0"}
    assert {line[:9] for line in lines[1::2]} == {"text red "}
    assert "OSError: the camera gives no image" in done.stderr


def test_the_camera_of_a_raspberry_pi(run):
    done = run("camera_picamera2.py", picamera2=PICAMERA2)
    lines = done.stdout.splitlines()
    assert {line.split()[2] for line in lines} == {"red"}
    assert "RuntimeError: the cable" in done.stderr


@pytest.mark.parametrize("gpio", [False, True])
def test_the_buttons_that_teach(run, tmp_path, gpio):
    packages = {"gpiozero": GPIOZERO} if gpio else {}
    options = ["rouge", "azul", "-o", "out.onnx", *(["--gpio", "17", "27"] if gpio else [])]
    done = run("teach_with_button.py", *options, cv2=TAUGHT, **packages)
    lines = done.stdout.splitlines()
    assert lines[:6] == ["rouge: 1", "rouge: 2", "rouge: 3", "azul: 1", "azul: 2", "azul: 3"]
    assert lines[6].startswith("<TaughtModel: 2 classes, 6 images")
    assert [line.split()[0] for line in lines[7:9]] == ["azul", "azul"]
    assert lines[9:] == ["saved out.onnx"]
    assert "OSError: the camera gives no image" in done.stderr
    assert rt.load(tmp_path / "out.onnx").card.output.classes == ("rouge", "azul")


@pytest.mark.parametrize("page", ["docs/boards.md", "docs/zh-CN/boards.md"])
def test_the_pages_name_each_example(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert f"examples/{path.name})" in text, path.name
