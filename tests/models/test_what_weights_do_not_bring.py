"""What `load_weights` does not take, and paths that `evaluate` is given."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.errors import DataError, InputError

from onnxnn import nn

X = np.random.default_rng(0).normal(50, 9, (20, 2))
Y = [0, 1] * 10


def network(folder, standardize, task="cls", verbose=0):
    model = nn(task, save_fold=str(folder), verbose=verbose)
    model.load_dataset(X, Y, standardize=standardize)
    model.add("linear", size=(2, 2), activation="softmax" if task == "cls" else None)
    return model


@pytest.mark.parametrize("task", ["cls", "embed"])
@pytest.mark.parametrize("head", [True, False])
def test_standardisation_is_no_weight(task, head, tmp_path, capsys):
    network(tmp_path, True, task).train(epochs=1)
    model = network(tmp_path / "other", False, task, verbose=1)
    model.load_weights(tmp_path / "basenn.pth", head=head)
    assert "normalises its inputs: load data with standardize=True" in capsys.readouterr().out


@pytest.mark.parametrize(("before", "now"), [(False, False), (False, True), (True, True)])
def test_nothing_is_said_where_nothing_is_lost(before, now, tmp_path, capsys):
    network(tmp_path, before).train(epochs=1)
    model = network(tmp_path / "other", now, verbose=1)
    capsys.readouterr()
    model.load_weights(tmp_path / "basenn.pth")
    assert not capsys.readouterr().out


def ending(task, loss, folder, y, verbose=0):
    model = nn(task, save_fold=str(folder), verbose=verbose)
    model.load_dataset(X, y)
    model.add("linear", size=(2, 2 if task == "cls" else 1))
    return model


@pytest.mark.parametrize(
    ("task", "loss", "y", "said"),
    [
        ("reg", "MSELoss", 1e6 * X[:, 0], "scales its outputs to the targets"),
        ("reg", "PoissonNLLLoss", np.round(X[:, 0]), "returns rates"),
        ("cls", None, Y, "ends in softmax after its last layer"),
        ("cls", "MSELoss", Y, None),
    ],
)
def test_what_training_put_at_the_end_is_no_weight(task, loss, y, said, tmp_path, capsys):
    trained = ending(task, loss, tmp_path, y)
    trained.train(epochs=1, loss=loss)
    model = ending(task, loss, tmp_path / "other", y, verbose=1)
    capsys.readouterr()
    model.load_weights(tmp_path / "basenn.pth")
    line = capsys.readouterr().out
    assert (said in line and "load(path)" in line) if said else not line
    trained.load_weights(tmp_path / "basenn.pth")
    model.train(lr=1e-12, epochs=1, loss=loss)
    assert model.inference(X) == pytest.approx(trained.inference(X), rel=1e-4)
    capsys.readouterr()
    model.load_weights(tmp_path / "basenn.pth")
    assert not capsys.readouterr().out


@pytest.mark.parametrize("form", [str, None], ids=["text", "Path"])
def test_evaluate_finds_the_home_folder(form, tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    np.savez(tmp_path / "data.npz", data=X, label=Y)
    model = network(tmp_path, True)
    model.train(epochs=1)
    path = "~/data.npz" if form else Path("~/data.npz")
    assert model.evaluate(path) == pytest.approx(model.evaluate((X, Y)))
    assert model.load_npz_data(path).num_samples == 20


@pytest.mark.parametrize("address", ["https://a.org/d.csv", "http://a.org/d.npz", "file:///d.csv"])
def test_evaluate_refuses_an_address_as_such(address, tmp_path):
    model = network(tmp_path, True)
    model.train(epochs=1)
    with pytest.raises(DataError, match=r"got an address \(URL\)"):
        model.evaluate(address)


def test_lists_that_lie_too_deep_are_called_so():
    deep = [1.0, 2.0]
    for _ in range(3000):
        deep = [deep]
    with pytest.raises(DataError, match="lists more than 32 deep in each other"):
        nn(verbose=0).load_dataset(deep, [0])


def test_files_are_read_from_the_beginning(tmp_path):
    import io

    from PIL import Image

    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(np.stack([image, image[::-1]]), [0, 1], channel_order="rgb")
    model.add("linear", size=(48, 2), activation="softmax")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")  # the position is at the end now
    for _ in range(2):
        np.testing.assert_array_equal(model.inference(buffer), model.inference(image))
    with pytest.raises(InputError, match=r"input\[1\]\[0\]: the open file: expected an image"):
        model.inference([image, [io.BytesIO(b"no image")]])
