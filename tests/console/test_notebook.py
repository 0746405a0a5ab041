"""What notebooks show, with a stand-in for IPython."""

from __future__ import annotations

import subprocess
import sys
import types

import numpy as np
import pytest
from onnxnn_runtime.messages.notebook import in_notebook
from onnxnn_runtime.messages.streams import say
from PIL import Image
from support.posix import posix

from onnxnn import nn, pth_info
from onnxnn.console.progress import progress_bar

IRIS = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)


class ZMQInteractiveShell:
    """Named as the shell of a notebook's kernel."""


class TerminalInteractiveShell:
    """Named as the shell of IPython in a terminal."""


@pytest.fixture
def shown(monkeypatch):
    """Let a notebook run this program, and return the files that it shows."""
    files = []
    display = types.ModuleType("IPython.display")
    display.Image = lambda filename: ("image", filename)
    display.SVG = lambda filename: ("svg", filename)
    display.HTML = lambda text: ("html", text)
    display.display = files.append
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = ZMQInteractiveShell
    ipython.version_info = (9, 0)  # what matplotlib asks
    ipython.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return files


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = nn(save_fold=str(tmp_path / "ckpt"), verbose=0)
    model.load_dataset(IRIS, [0, 1, 2] * 4, classes=["<b>", "c", "d"])
    model.add("linear", size=(4, 3), activation="softmax")
    model.train(epochs=2)
    return model


@pytest.fixture
def images(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (8, 8), (100 * i, 0, 0)).save(tmp_path / "photos" / name / f"{i}.png")
    model = nn(save_fold=str(tmp_path / "ckpt"), verbose=0)
    model.load_img_data(str(tmp_path / "photos"))
    model.add("conv2d", size=(3, 2), kernel_size=3)
    model.add("linear", size=(72, 2), activation="softmax")
    return model


def test_a_notebook_is_distinguished_from_a_terminal(shown, monkeypatch):
    assert in_notebook()
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", TerminalInteractiveShell)
    assert not in_notebook()
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: None)
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


@pytest.mark.parametrize(("name", "kind"), [("history.png", "image"), ("history.svg", "svg")])
def test_a_plotted_history_is_shown(model, shown, tmp_path, name, kind):
    pytest.importorskip("matplotlib")
    written = model.plot_history(tmp_path / name)
    assert shown == [(kind, str(written))]


def test_a_kind_that_notebooks_do_not_show_is_written_only(model, shown, tmp_path):
    pytest.importorskip("matplotlib")
    assert model.plot_history(tmp_path / "history.pdf").is_file()
    assert shown == []


def test_layers_and_filters_are_shown(images, shown, tmp_path):
    sample = str(tmp_path / "photos" / "a" / "0.png")
    written = images.visual_feature(sample, save_fold=tmp_path / "layers")
    assert shown == [("image", str(path)) for path in written]
    assert len(written) == 4
    shown.clear()
    filters = images.visual_filters(tmp_path / "filters.png")
    assert shown == [("image", str(filters))]


def test_elsewhere_nothing_is_shown(images, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert images.visual_filters(tmp_path / "filters.png").is_file()


def test_drawn_images_are_shown(shown, tmp_path):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.add("diffusion_model", img_size=8)
    written = model.show(np.zeros((4, 1, 8, 8), np.float32), path=str(tmp_path / "drawn.png"))
    assert shown == [("image", str(written))]


def test_what_was_printed_is_not_shown_again(model, capsys):
    table = model.summary()
    assert isinstance(table, str)
    assert capsys.readouterr().out == table + "\n"
    assert "printed above" in repr(table)
    model.inference(IRIS[:2])
    result = model.print_result()
    assert isinstance(result, dict)
    facts = pth_info(str(model.save_fold) + "/basenn.pth")
    capsys.readouterr()
    for printed in (table, result, facts):
        assert printed._ipython_display_() is None
    assert capsys.readouterr() == ("", "")


def test_a_notebook_shows_tables_in_place_of_text(model, shown, capsys):
    table = model.summary()
    assert shown == [("html", table._repr_html_())]
    assert "<th>parameters</th>" in shown[0][1]
    assert "linear1" in table
    model.inference(IRIS[:2])
    result = model.print_result()
    assert shown[1:] == [("html", result._repr_html_())]
    assert "<td>&lt;b&gt;</td>" in shown[1][1] or "<td>c</td>" in shown[1][1] or "<td>d</td>" in shown[1][1]
    assert "2 results" in shown[1][1]
    facts = pth_info(str(model.save_fold) + "/basenn.pth")
    assert shown[2:] == [("html", facts._repr_html_())]
    assert "<td>optimizer</td><td>Adam</td>" in shown[2][1]
    assert capsys.readouterr() == ("", "")


def test_notes_are_not_red(shown, capsys):
    say("a note", to="stderr")
    assert capsys.readouterr() == ("a note\n", "")


def test_bars_are_text_where_a_notebook_has_no_widgets(shown, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    bar = progress_bar(3, "batch")
    bar.update()
    bar.close()
    printed = capsys.readouterr()
    assert "0/3" in printed.out
    assert printed.err == "", "stderr is red in a notebook"


def test_importing_and_training_in_a_notebook_warn_of_nothing(tmp_path):
    script = (
        "import sys, types\n"
        "class ZMQInteractiveShell: pass\n"
        "ipython = types.ModuleType('IPython'); ipython.get_ipython = ZMQInteractiveShell\n"
        "ipython.version_info = (8, 0)\n"
        "sys.modules['IPython'] = ipython\n"
        "from onnxnn import nn\n"
        "model = nn(verbose=1)\n"
        "model.load_dataset([[0.0, 1.0], [1.0, 0.0]], [0, 1])\n"
        "model.add('linear', size=(2, 2), activation='softmax')\n"
        "model.train(epochs=1)\n"
    )
    warnings = (
        "-W",
        "error",
        "-W",
        "ignore:Implicitly cleaning up:ResourceWarning",
    )  # torch 2.6 leaves a folder
    done = subprocess.run(
        [sys.executable, *warnings, "-c", script], cwd=tmp_path, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "epoch 1/1" in done.stdout, "stderr is red in a notebook"
    assert done.stderr == ""


@pytest.mark.parametrize("made", [None, "layers", "data", "trained"])
def test_a_network_says_what_it_is(made, tmp_path):
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    if made in ("data", "trained"):
        model.load_dataset(IRIS, [0, 1, 2] * 4)
    if made in ("layers", "trained"):
        model.add("linear", size=(4, 3), activation="softmax")
    if made == "trained":
        model.train(epochs=2)
    said = {
        None: "<Network cls: 0 layers>",
        "layers": "<Network cls: 1 layer, (4) -> (3)>",
        "data": "<Network cls: 0 layers, 12 samples>",
        "trained": "<Network cls: 1 layer, (4) -> (3), 12 samples, 2 epochs>",
    }
    assert repr(model) == said[made]
    assert said[made][1:-1].replace(">", "&gt;") in model._repr_html_()


def test_looking_at_a_network_draws_no_random_numbers():
    import torch

    model = nn(verbose=0)
    model.add("linear", size=(4, 3))
    torch.manual_seed(0)
    repr(model), model._repr_html_()
    first = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(first, torch.rand(1))


@posix
def test_tables_hold_text_and_no_markup(model, tmp_path):
    class Evil(type(model)):
        pass

    Evil.__name__ = "<script>"
    evil = Evil(verbose=0)
    assert "<script>" not in evil._repr_html_()
    report = model.export(tmp_path / "<i>.onnx")
    assert "&lt;i&gt;" in report._repr_html_()
    import onnxnn_runtime as rt

    opened = rt.load(str(report.path))
    assert "&lt;i&gt;" in opened._repr_html_()
    predicted = opened.predict(IRIS)
    assert "<b><" not in predicted._repr_html_()
    assert "<td><b>" not in predicted._repr_html_()
    assert "12 predictions" in predicted._repr_html_()


def test_results_show_something_short(model, tmp_path):
    import onnxnn_runtime as rt

    opened = rt.load(str(model.export(tmp_path / "m.onnx").path))
    many = opened.predict(np.tile(IRIS, (20, 1)))
    assert "... 240 in all" in repr(many)
    assert len(repr(many)) < 10_000
    assert "50 of 240 rows are shown" in many._repr_html_()
    named = rt.Embeddings(np.zeros((1000, 8), np.float32), ["x"] * 1000, [])
    assert repr(named) == "<Embeddings: 1000 vectors (1000, 8), 0 left out>"
    assert "<th>loss</th>" in model.history._repr_html_()
    assert "2 epochs" in model.history._repr_html_()
    assert repr(model.load_dataset(IRIS, [0, 1, 2] * 4, batch_size=5)).startswith(
        "<Batches: 12 samples, 3 of"
    )
