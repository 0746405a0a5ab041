"""The page on which a training can be watched."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import types

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import OnnxnnError, OutputError, TrainingError
from PIL import Image
from support.browser import CHROMIUM
from support.posix import posix

from onnxnn import nn
from onnxnn.inspection import live
from onnxnn.inspection.curves import curves
from onnxnn.training.callbacks import Callback

pytestmark = pytest.mark.needs_torch

RELOADS = "location.reload()"


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Write the page after every epoch, however fast they are."""
    monkeypatch.setattr(live, "EVERY", 0.0)
    monkeypatch.setattr(live, "SHARE", 0.0)


def images(count=30, seed=0):
    """Return images whose class is the brightest third, and their labels; a few labels are wrong."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, count)
    x = random.random((count, 1, 9, 9), dtype=np.float32) * 0.2
    for image, label in zip(x, y, strict=True):
        image[:, :, 3 * label : 3 * label + 3] += 0.7
    y[:3] = (y[:3] + 1) % 3
    return x, y


def network(folder, ratio=0.5, classes=("cat", "<i>dog</i>", "猫"), verbose=0):
    model = nn("cls", save_fold=str(folder), verbose=verbose)
    model.set_seed(0)
    model.load_dataset(*images(), classes=list(classes), train_val_ratio=ratio, batch_size=5)
    model.add("conv2d", size=(1, 2), kernel_size=3, activation="relu")
    model.add("linear", size=(98, 3), activation="softmax")
    return model


class Pages(Callback):
    """What an open browser sees when an epoch has ended: the page of the epoch before."""

    def __init__(self, path):
        self.path, self.seen = path, []

    def on_epoch(self, trainer):
        self.seen.append(self.path.read_text(encoding="utf-8"))


def test_the_page_is_written_after_every_epoch_and_ends(tmp_path, capsys):
    model, path = network(tmp_path, verbose=1), tmp_path / "live.html"
    pages = Pages(path)
    model.train(lr=0.01, epochs=3, metrics=["acc"], live=True, callbacks=[pages])
    assert [f"epoch {number} of 3 · training" in page for number, page in enumerate(pages.seen)] == [True] * 3
    assert all(RELOADS in page for page in pages.seen)
    last = path.read_text(encoding="utf-8")
    assert "epoch 3 of 3 · finished" in last
    assert RELOADS not in last
    assert last.count("<polyline") == 4  # loss and acc, training and validation
    assert "live page, to open in a browser: file:///" in capsys.readouterr().out
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "basenn.csv",
        "basenn.pth",
        "best.pth",
        "live.html",
    ]


def test_nothing_comes_from_outside(tmp_path):
    network(tmp_path).train(epochs=2, live=True)
    text = (tmp_path / "live.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!data:image/png;base64,)[^"]*', text) == []
    assert "http" not in text
    assert "url(" not in text


def test_mistakes_are_shown_as_images_with_their_classes(tmp_path):
    network(tmp_path).train(lr=0.05, epochs=20, live=True)
    text = (tmp_path / "live.html").read_text(encoding="utf-8")
    found = re.search(r"(\d+) of 15 images of the validation data (?:is|are) wrong", text)
    assert 1 <= int(found[1]) <= 12
    assert text.count("taken for ") == int(found[1])
    assert "&lt;i&gt;dog&lt;/i&gt;" in text
    assert "<i>" not in text
    assert "Weights of the first layer" in text


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_what_is_learned_is_the_same(tmp_path, ratio):
    without = network(tmp_path / "without", ratio)
    history = without.train(epochs=3)
    watched = network(tmp_path / "watched", ratio)
    assert watched.train(epochs=3, live=True) == history
    for one, other in zip(without.model.parameters(), watched.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_random_transforms_stay_the_same(tmp_path):
    """Without validation data the page looks at images that are changed at random."""
    random = np.random.default_rng(0)
    for number in range(8):
        (tmp_path / "images" / str(number % 2)).mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / str(number % 2) / f"{number}.png")
    histories = []
    for watched in (False, True):
        model = nn("cls", save_fold=str(tmp_path / "ckpt"), verbose=0)
        model.set_seed(0)
        model.load_img_data(tmp_path / "images", transform={"RandomHorizontalFlip": 0.5}, batch_size=4)
        model.add("linear", size=(432, 2), activation="softmax")
        histories.append(model.train(epochs=3, live=watched))
    assert histories[0] == histories[1]


def test_frozen_features_are_looked_at_too(tmp_path):
    random = np.random.default_rng(0)
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.load_dataset(random.random((8, 3, 32, 32), dtype=np.float32), np.arange(8) % 2, train_val_ratio=0.5)
    model.add("mobilenet_backbone", width=0.35, trainable=False)
    model.add("linear", size=2, activation="softmax")
    model.train(epochs=2, live=True)
    assert "of 4 images of the validation data" in (tmp_path / "live.html").read_text(encoding="utf-8")


def test_one_output_for_two_classes(tmp_path):
    x, y = images()
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.load_dataset(x, np.minimum(y, 1), classes=["no", "yes"], train_val_ratio=0.5)
    model.add("linear", size=(81, 1), activation="sigmoid")
    model.train(epochs=1, live=True)
    assert re.search(r"taken for (?:no|yes) \(", (tmp_path / "live.html").read_text(encoding="utf-8"))


def test_tables_have_curves_and_weights_alone(tmp_path):
    model = nn("reg", save_fold=str(tmp_path), verbose=0)
    model.load_dataset(np.random.default_rng(0).random((10, 4), dtype=np.float32), np.arange(10.0))
    model.add("linear", size=(4, 1))
    model.train(epochs=2, live=tmp_path / "watch.htm")
    text = (tmp_path / "watch.htm").read_text(encoding="utf-8")
    assert "Curves" in text
    assert "Mistakes" not in text


def test_a_diffusion_model_shows_what_it_draws(tmp_path):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(np.zeros((8, 1, 8, 8), np.float32), np.arange(8) % 2)
    model.add("diffusion_model", img_size=8, dim=8)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "epoch_9999.png").write_bytes(b"of an earlier training")
    os.utime(tmp_path / "samples" / "epoch_9999.png", (0, 0))
    model.train(epochs=1, live=True)
    text = (tmp_path / "live.html").read_text(encoding="utf-8")
    assert text.count("data:image/png") == 2  # the samples and the weights
    assert "Sampled images" in text


# ---- how training ends -----------------------------------------------------------------------------


class Ends(Callback):
    def __init__(self, error):
        self.error = error

    def on_epoch(self, trainer):
        if trainer.epoch == 2:
            raise self.error


@pytest.mark.parametrize(
    ("error", "said"),
    [(KeyboardInterrupt(), "stopped by Ctrl-C"), (ZeroDivisionError(), "ended by an error")],
    ids=["Ctrl-C", "error"],
)
def test_the_page_no_longer_loads_itself_when_training_was_broken_off(tmp_path, error, said):
    model = network(tmp_path)
    with contextlib.suppress(ZeroDivisionError):
        model.train(epochs=5, live=True, callbacks=[Ends(error)])
    text = (tmp_path / "live.html").read_text(encoding="utf-8")
    assert f"epoch 2 of 5 · {said}" in text
    assert RELOADS not in text


def test_the_page_of_a_loss_that_is_not_finite(tmp_path):
    model = network(tmp_path)
    model.add(optimizer="SGD")
    with pytest.raises(TrainingError, match="the loss became"):
        model.train(lr=1e38, epochs=5, live=True)
    text = (tmp_path / "live.html").read_text(encoding="utf-8")
    assert "ended by an error" in text
    assert RELOADS not in text


def test_pages_are_in_the_language_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    network(tmp_path).train(epochs=1, live=True)
    text = (tmp_path / "live.html").read_text(encoding="utf-8")
    assert '<html lang="zh' in text
    for word in ("曲线", "错误", "第一层的权重", "第 1 轮，共 1 轮"):
        assert word in text


@posix
def test_training_continues_without_a_page_that_cannot_be_written(tmp_path, monkeypatch):
    def full(path, write):
        raise OutputError("no space left")

    monkeypatch.setattr(live, "write_atomically", full)
    with pytest.warns(UserWarning, match="Training continues without it"):
        history = network(tmp_path).train(epochs=2, live=True)
    assert len(history) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, r"live=3: expected True, or the path of the page"),
        ("", r"live='': expected True"),
        ([], r"live=\[\]: expected True"),
        ("page.png", r"expected a name that ends in \.html or \.htm, got \.png"),
        ("page", r"got no ending"),
    ],
)
def test_what_is_no_page_is_refused_before_training(tmp_path, monkeypatch, given, message):
    monkeypatch.chdir(tmp_path)
    model = network(tmp_path / "ckpt")
    with pytest.raises(OnnxnnError, match=message):
        model.train(epochs=1, live=given)
    assert list(tmp_path.iterdir()) == []
    assert model.history == []


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "live.html").mkdir()
    with pytest.raises(OutputError, match=r"live\.html"):
        network(tmp_path).train(epochs=1, live=True)


# ---- notebooks and browsers ------------------------------------------------------------------------


class ZMQInteractiveShell:
    """Named as the shell of a notebook's kernel."""


def test_a_notebook_shows_it_in_one_place(tmp_path, monkeypatch):
    shown, updated = [], []
    display = types.ModuleType("IPython.display")
    display.HTML = lambda text: text

    def show(content, display_id):
        assert display_id is True
        shown.append(content)
        return types.SimpleNamespace(update=updated.append)

    display.display = show
    ipython = types.ModuleType("IPython")
    ipython.get_ipython, ipython.display = ZMQInteractiveShell, display
    ipython.version_info = (9, 0)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    network(tmp_path).train(epochs=3, live=True)
    assert len(shown) == 1
    assert "epoch 0 of 3" in shown[0]
    assert "epoch 3 of 3 · finished" in updated[-1]
    assert not any("<script" in text or "<html" in text for text in (*shown, *updated))


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_an_open_page_follows_the_training(tmp_path):
    """From a file, without a server: it loads itself again, and stops when training is over."""
    playwright = pytest.importorskip("playwright.sync_api")
    path, said = tmp_path / "live.html", []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()

        class Looks(Callback):
            def on_epoch(self, trainer):
                if trainer.epoch == 2:
                    page.goto(path.as_uri())
                    said.append(page.text_content("p"))

        loads = []
        page.on("load", lambda _: loads.append(1))
        network(tmp_path).train(epochs=3, live=True, callbacks=[Looks()])
        page.wait_for_function("document.querySelector('p').textContent.includes('finished')", timeout=20_000)
        said.append(page.text_content("p"))
        count = len(loads)
        page.wait_for_timeout(3000)
        assert len(loads) == count
        browser.close()
    assert said == ["epoch 1 of 3 · training", "epoch 3 of 3 · finished"]


def test_curves_leave_out_what_is_not_finite_and_thin_out_long_histories():
    rows = [{"epoch": number + 1, "loss": float(number)} for number in range(5000)]
    rows[10]["loss"] = float("nan")
    text = curves(rows)
    points = re.search(r'points="([^"]*)"', text)[1].split()
    assert len(points) <= 400
    assert points[-1].startswith("428.0,")
    assert "nan" not in text
    assert curves([]) == ""
    assert "<circle" in curves(rows[:1])
