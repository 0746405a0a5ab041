"""The page of a report: whole, safe, in two languages."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.report.charts import scatter
from onnxnn_runtime.report.class_sections import chosen_classes, most_confused
from PIL import Image
from support.models import graph, model, node, value

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "img", "br"}


class Checked(HTMLParser):
    """Reads a page, and notes elements that are not closed in their order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.addresses, self.wrong = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            self.wrong.append(tag)


def checked(page):
    parser = Checked()
    parser.feed(page)
    assert (parser.open, parser.wrong) == ([], [])
    assert "script" not in parser.tags
    assert all(address.startswith("data:image/") for address in parser.addresses)
    return parser


def two_classes(tmp_path, names):
    """Open a model that says which of two numbers is larger."""
    shape = ("batch", len(names))
    card = rt.ModelCard(
        "cls", (), rt.InputSpec("table", shape), rt.OutputSpec("classes", shape, tuple(names))
    )
    made = graph([node("Softmax", ["input"], ["output"])], [value("input", shape)], [value("output", shape)])
    (tmp_path / "a.onnx").write_bytes(model(made, card))
    return rt.load(tmp_path / "a.onnx")


def reports(open_model, tmp_path):
    """Yield a report of each kind."""
    random = np.random.default_rng(0)
    shape = ("batch", "time", 2)
    card = rt.ModelCard(
        "cls", (), rt.InputSpec("sequence", shape), rt.OutputSpec("classes", shape, ("a", "b"))
    )
    made = graph(
        [node("Softmax", ["input"], ["output"], axis=2)], [value("input", shape)], [value("output", shape)]
    )
    (tmp_path / "steps.onnx").write_bytes(model(made, card))
    images = random.integers(0, 255, (5, 9, 8), dtype=np.uint8)
    labels = ["dark", "bright", "dark", "dark", "bright"]
    yield open_model("binary").report(images, labels=labels, train=images[:2])
    yield open_model("table").report(random.normal(size=(40, 2)), labels=random.integers(0, 3, 40))
    yield open_model("values").report(random.normal(size=(30, 2)), labels=random.normal(size=(30, 3)))
    yield open_model("text").report(["春江花月", "月月"])
    yield rt.load(tmp_path / "steps.onnx").report(random.normal(size=(4, 3, 2)), labels=[[0, 1, 1]] * 4)


def test_every_kind_of_page_is_whole_in_both_languages(open_model, tmp_path):
    for report in reports(open_model, tmp_path):
        english, chinese = report.to_html("en"), report.to_html("zh")
        assert '<html lang="en">' in english
        assert '<html lang="zh-CN">' in chinese
        for page in (english, chinese, report._repr_html_()):
            checked(page)
        assert re.sub("[^一-龥]", "", re.sub("<[^>]*>", "", english)).strip("春江花月") == ""
        titles = re.findall("<h2>(.*?)</h2>", chinese)
        assert titles
        assert [title for title in titles if not re.search("[一-龥]", title)] == []


def test_the_language_of_a_report_is_that_of_its_page(open_model):
    report = open_model("table").report([[1, 2]], labels=["a"], lang="zh")
    assert '<html lang="zh-CN">' in report.to_html()
    assert '<html lang="en">' in report.to_html("en")
    with pytest.raises(rt.InputError, match="lang='fr'"):
        report.to_html("fr")
    with pytest.raises(rt.InputError, match="lang='de'"):
        open_model("table").report([[1, 2]], labels=["a"], lang="de")


def test_names_are_text_and_never_markup(tmp_path):
    opened = two_classes(tmp_path, [HOSTILE, '"><img src=x onerror=alert(1)>'])
    report = opened.report([[1, 0], [0, 1], [1, 0]], labels=[0, 1, 1])
    page = report.to_html()
    checked(page)
    assert "alert(1)" in page
    assert "<script>" not in page
    assert "<img src=x" not in page
    checked(report._repr_html_())


def test_file_names_are_text_too(open_model, tmp_path):
    for label in ("red", "绿"):
        for number in range(2):
            path = tmp_path / "test" / label / f"a&lt;b 'onerror=' {number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (9, 9), (0, 200 * number, 0)).save(str(path))
    page = open_model("image_classifier").report(tmp_path / "test").to_html()
    checked(page)
    assert "a&amp;lt;b &#x27;onerror=&#x27; 0.png" in page


def images_in(page):
    """Return the first pixel of each image of a page, by its place."""
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(each))).convert("L").getpixel((0, 0)) for each in found]


def test_images_of_arrays_with_the_same_name_are_those_of_their_side(open_model):
    first = np.random.default_rng(0).integers(60, 200, (20, 20), dtype=np.uint8)
    second = first.T.copy()
    first[0, 0], second[0, 0] = 10, 250
    report = open_model("binary").report(
        [first, second], labels=["dark", "bright"], train=[second, first // 2 + 100]
    )
    pairs = [(each["name"], each["train"]) for each in report["train_duplicates"]["pairs"]]
    assert set(pairs) == {("input[0]", "input[1]"), ("input[1]", "input[0]")}
    page = report.to_html()
    shown = images_in(page[page.index("Seen in training?") :])
    levels = {"input[0]": (10, 250), "input[1]": (250, 105)}  # of the test, of training
    assert shown == [level for here, there in pairs for level in (levels[here][0], levels[there][1])]


def test_sentences_of_the_page_are_whole(open_model, tmp_path):
    for report in reports(open_model, tmp_path):
        assert re.findall(r"<(?:p|li)[^>]*>[^<]*\.\.\.[^<]*</", report.to_html("en")) == []


def test_many_classes_fit(tmp_path):
    names = [f"class {i}" for i in range(60)]
    opened = two_classes(tmp_path, names)
    said = np.arange(60) % 57
    report = opened.report(np.eye(60, dtype=np.float32)[said] * 9, labels=np.arange(60))
    page = report.to_html()
    assert "Shown are 20 of 60: the classes with the most mistakes." in page
    assert page.count("<tr>") < 150
    assert report.matrix_image().size[0] < 3000


def test_the_classes_with_most_mistakes_are_shown():
    matrix = [[5, 0, 0], [0, 3, 2], [0, 1, 4]]
    assert chosen_classes(matrix, 2) == [1, 2]
    assert chosen_classes(matrix, 3) == [0, 1, 2]
    assert most_confused(matrix) == [(1, 2, 2), (2, 1, 1)]


@pytest.mark.parametrize(
    "points",
    [[(1.0, 1.0)], [(0.0, 0.0)] * 3, [(1e9, 2e9), (-1e9, 0)], [(1e-9, 2e-9), (0, 0)], [(3, 3), (4, 4)]],
)
@pytest.mark.parametrize("residuals", [True, False])
def test_points_of_any_size_are_drawn(points, residuals):
    drawn = scatter(points, residuals)
    assert drawn.count("<circle") == len(points)
    places = [float(each) for each in re.findall(r'c[xy]="([\d.-]+)"', drawn)]
    assert all(0 <= place <= 340 for place in places)


def test_the_matrix_has_chinese_names(tmp_path):
    image = two_classes(tmp_path, ["猫", "狗"]).report([[1, 0]], labels=["猫"]).matrix_image()
    assert image.size[0] >= 200
    assert len(image.getcolors(10_000)) > 3


def test_nothing_heavy_is_imported_before_a_report():
    code = "import onnxnn_runtime, sys; print([m for m in sys.modules if 'runtime.report' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
