"""Text in images: a font for Chinese where there is one, a note where there is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from onnxnn_runtime.images import fonts
from PIL import Image, ImageDraw

INK = (0, 0, 0)


@pytest.fixture(autouse=True)
def forget():
    fonts.cjk_font.cache_clear()
    fonts._warn_missing.cache_clear()
    yield
    fonts.cjk_font.cache_clear()
    fonts._warn_missing.cache_clear()


@pytest.fixture
def no_font(monkeypatch, tmp_path):
    monkeypatch.delenv(fonts.ENVIRONMENT, raising=False)
    monkeypatch.setattr(fonts, "_folders", lambda: (str(tmp_path),))
    return tmp_path


def written(text):
    image = Image.new("RGB", (200, 40), (255, 255, 255))
    fonts.draw_text(ImageDraw.Draw(image), (4, 4), text, INK, 18)
    return image.tobytes()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("conv2d 1.5", False), ("猫", True), ("cat猫", True), ("，", True), ("é", False), ("𠀀", True)],
)
def test_which_texts_need_a_font(text, expected):
    assert fonts.has_cjk(text) == expected


def test_plain_text_needs_no_search(no_font):
    assert fonts.lettering("loss") == ("loss", None)
    assert written("loss") != written("")


def test_without_a_font_there_is_one_note_and_a_question_mark(no_font):
    with pytest.warns(UserWarning, match="no font with Chinese characters was found.*ONNXNN_FONT"):
        assert fonts.lettering("猫 cat") == ("? cat", None)
    assert written("猫 cat") == written("? cat")  # without a second note


@pytest.mark.parametrize(
    ("name", "message"), [("none.ttf", "no such file"), ("a.ttf", "expected a font with Chinese")]
)
def test_a_font_of_the_environment_that_does_not_serve_is_named(no_font, monkeypatch, name, message):
    (no_font / "a.ttf").write_bytes(b"no font")
    monkeypatch.setenv(fonts.ENVIRONMENT, str(no_font / name))
    with pytest.warns(UserWarning, match=rf"ONNXNN_FONT='.*{name}': {message}.*Name another file"):
        assert fonts.lettering("猫") == ("?", None)


def test_a_font_that_only_has_a_promising_name_is_passed_over(no_font):
    if _latin() is None:
        pytest.skip("there is no font file here")
    shutil.copy(str(_latin()), str(no_font / "NotoSansCJK-Regular.ttf"))
    (no_font / "SimHei.ttf").write_bytes(b"no font")
    assert fonts.cjk_font() is None


def test_the_best_name_comes_first(no_font, monkeypatch):
    (no_font / "deep").mkdir()
    for name in ("wqy-zenhei.ttc", "deep/Noto Sans CJK.otf", "Arial.ttf", "simhei.txt"):
        (no_font / name).write_bytes(b"")
    monkeypatch.setattr(fonts, "_writes_chinese", lambda path: True)
    assert Path(fonts.cjk_font()).name == "Noto Sans CJK.otf"


def test_the_environment_names_a_font(no_font, monkeypatch):
    monkeypatch.setenv(fonts.ENVIRONMENT, "mine.ttf")
    monkeypatch.setattr(fonts, "_writes_chinese", lambda path: path == "mine.ttf")
    assert fonts.lettering("猫") == ("猫", "mine.ttf")


def test_a_font_of_this_machine_writes_chinese():
    path = fonts.cjk_font()
    if path is None:
        pytest.skip("there is no font with Chinese characters here")
    assert written("猫") != written("狗") != written("??")


def _latin():
    return next(Path("/usr/share/fonts").rglob("DejaVuSans.ttf"), None)
