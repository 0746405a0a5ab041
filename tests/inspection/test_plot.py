"""The history as an image."""

from __future__ import annotations

import os
import sys

import pytest
from onnxnn_runtime.errors import OnnxnnError, OutputError, TrainingError
from onnxnn_runtime.images.fonts import Lettering
from PIL import Image

from onnxnn.inspection import history_plot, wording
from onnxnn.inspection.history_plot import plot_history
from onnxnn.training.history import History

ROWS = [{"epoch": n, "loss": 1 / n, "acc": 1 - 0.5 / n, "val_loss": 1.2 / n, "lr": 0.1} for n in (1, 2, 3)]


def test_one_panel_for_each_figure(tmp_path):
    pytest.importorskip("matplotlib")
    with Image.open(plot_history(History(ROWS), tmp_path / "all.png")) as both:
        width, height = both.size
        colours = {colour[:3] for _, colour in both.getcolors(1 << 20)}
    assert len(colours) > 20
    with Image.open(plot_history(History([{"epoch": 1, "loss": 1.0}]), tmp_path / "one.png")) as one:
        assert one.size == (width // 2, height)


def test_what_cannot_be_drawn(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    with pytest.raises(TrainingError, match="Train first"):
        plot_history(History(), tmp_path / "none.png")
    with pytest.raises(OnnxnnError, match=r"cannot draw a \.xyz file"):
        plot_history(History(ROWS), tmp_path / "none.xyz")
    with pytest.raises(OutputError, match="path=None: expected the path"):
        plot_history(History(ROWS), None)
    for title in (5, "\udcff", "a" * 501):
        with pytest.raises(TrainingError, match=r"title=.*: expected a text of at most 500 characters"):
            plot_history(History(ROWS), title=title)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(OnnxnnError, match="pip install matplotlib"):
        plot_history(History(ROWS), tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("font", "text"), [("some.ttf", "训练"), (None, "training")])
def test_words_of_images_are_english_where_no_font_writes_others(monkeypatch, font, text):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    monkeypatch.setattr(wording, "cjk_font", lambda: font)
    assert wording.gettext("training") == text
    assert wording.gettext("{name} now", name="conv2d1").startswith("conv2d1")


def test_labels_in_a_font_of_their_own(tmp_path, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    drawn = []
    for path in (None, os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSerif.ttf")):
        monkeypatch.setattr(history_plot, "lettering", lambda text, path=path: Lettering(text, path))
        drawn.append(plot_history(History(ROWS), tmp_path / "all.png").read_bytes())
    assert drawn[0] != drawn[1]
