"""Data to evaluate on numbers its classes in its own way; what counts is the network's."""

from __future__ import annotations

import re
import shutil
import warnings

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import DataError, InputError
from onnxnn_runtime.tables.reader import read_table
from PIL import Image
from support.frames import Frame

from onnxnn import nn

COLORS = {"blue": 2, "green": 1, "red": 0}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Class folders of one colour each."""
    root = tmp_path_factory.mktemp("colors")
    for name, channel in COLORS.items():
        (root / name).mkdir()
        for number in range(3):
            pixels = np.zeros((6, 6, 3), np.uint8)
            pixels[..., channel] = 200 + 20 * number
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def that_separates_colors(model):
    """Add one linear layer which gives the channels' means as scores, in the order of the classes."""
    model.add("global_avgpool")
    model.add("linear", size=(3, 3), activation="softmax")
    weight = model.model[-2].weight.data
    weight.zero_()
    for row, name in enumerate(model.card().output.classes):
        weight[row, COLORS[name]] = 10.0
    return model


@pytest.mark.parametrize("order", [["red", "blue", "green"], ["blue", "green", "red"]])
def test_images_of_folders_have_the_networks_class_numbers(folders, order):
    model = nn("cls", verbose=0)
    model.load_img_data(folders, classes=order)
    assert that_separates_colors(model).evaluate(str(folders))["acc"] == 1.0


def test_folders_of_other_names_are_taken_in_order(folders, tmp_path):
    for number, name in enumerate(("blue", "green", "red")):
        shutil.copytree(folders / name, tmp_path / str(number))
    model = nn("cls", verbose=0)
    model.load_img_data(folders)
    that_separates_colors(model)
    with pytest.warns(
        UserWarning, match="folders 0, 1, 2 are taken for the classes blue, green, red, in this order"
    ):
        assert model.evaluate(str(tmp_path))["acc"] == 1.0


def test_a_folder_without_some_of_the_classes(folders, tmp_path):
    for name in ("green", "red"):
        shutil.copytree(folders / name, tmp_path / name)
    model = nn("cls", verbose=0)
    model.load_img_data(folders)
    assert that_separates_colors(model).evaluate(str(tmp_path))["acc"] == 1.0
    shutil.copytree(folders / "blue", tmp_path / "violet")
    with pytest.raises(
        DataError, match=r"expected classes of the network \(blue, green, red\), got 'violet'"
    ):
        model.evaluate(str(tmp_path))


def table(path, names):
    rows = [f"{','.join(str(int(name == other)) for other in 'abc')},{name}" for name in names]
    path.write_text("\n".join(["a,b,c,name", *rows]), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("held_out", ["abcabc", "bcbc", "cb", "ca"])
def test_a_table_with_some_of_the_classes(tmp_path, held_out):
    model = nn("cls", verbose=0)
    model.load_tab_data(table(tmp_path / "train.csv", "abcabc"))
    model.add("linear", size=(3, 3), activation="softmax")
    model.model[0].weight.data.copy_(10 * torch.eye(3))
    assert model.evaluate(table(tmp_path / "test.csv", held_out))["acc"] == 1.0


@pytest.mark.parametrize("kept", [(0, 1, 2), (1, 2), (2,)])
@pytest.mark.parametrize("labels", [(0, 1, 2), (4, 5, 9), ("a", "b", "c")])
def test_tables_with_some_of_the_classes(tmp_path, labels, kept):
    model = nn("cls", verbose=0)
    rows = np.arange(12) % 3
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*became classes")
        model.load_dataset(np.eye(3, dtype=np.float32)[rows], np.array(labels)[rows])
    model.add("linear", size=3, activation="softmax")
    with torch.no_grad():
        model.model[0].weight.copy_(torch.eye(3) * 3)
        model.model[0].bias.zero_()
    lines = [f"{','.join(map(str, np.eye(3)[row]))},{labels[row]}" for row in rows if row in kept]
    (tmp_path / "test.csv").write_text("\n".join(["x,y,z,label", *lines]), encoding="utf-8")
    assert model.evaluate(tmp_path / "test.csv")["acc"] == 1


@pytest.mark.parametrize("names", [(1, 2, 3), (-1, 1), (5, 7, 9)])
def test_labels_that_do_not_count_from_0_are_read_by_their_numbers(names, tmp_path):
    y = np.array(names)[np.arange(12) % len(names)]
    x = np.eye(len(names), dtype=np.float32)[np.arange(12) % len(names)]
    model = nn("cls", verbose=0)
    with pytest.warns(UserWarning, match="became classes"):
        model.load_dataset(x, y)
    model.add("linear", size=len(names), activation="softmax")
    with torch.no_grad():
        model.model[0].weight.copy_(torch.eye(len(names)))
        model.model[0].bias.zero_()
    last = y == names[-1]
    for part in (x, y), (x[~last], y[~last]), (torch.from_numpy(x[last]), y[last].astype(float)):
        assert model.evaluate(part)["acc"] == 1
    np.savez(tmp_path / "test.npz", data=x, label=y)
    assert model.evaluate(tmp_path / "test.npz")["acc"] == 1
    with pytest.raises(DataError, match=r"evaluate: expected classes of the network \(.*\), got '100'"):
        model.evaluate((x, np.where(last, 100, y)))


@pytest.mark.parametrize("later", [False, True])
def test_columns_that_a_network_does_not_know_are_left_out(tmp_path, later):
    columns = {"width": np.arange(12.0), "height": np.arange(12.0) % 5}
    y = np.arange(12) % 2
    model = nn("cls", verbose=0)
    model.load_dataset(Frame(columns), y)
    model.add("linear", size=(2, 2), activation="softmax")
    model.train(epochs=1, save_fold=str(tmp_path))
    expected = model.evaluate((Frame(columns), y))
    more = Frame({"label": y, "Height": columns["height"], "width": columns["width"], "day": y})
    if later:
        model = nn("cls", verbose=0)
        model.load_dataset(more, y)
        model.load(tmp_path / "basenn.pth")
        assert model._data.sample.sizes == (2,)
        assert model.evaluate(model._data.train) == pytest.approx(expected)
    assert model.evaluate((more, y)) == pytest.approx(expected)


def encoder(folder, images, **options):
    model = nn("embed", save_fold=str(folder), verbose=0)
    model.set_seed(0)
    model.load_img_data(images, batch_size=32, shuffle=False, **options)
    model.add("linear", size=(3 * 6 * 6, 4))
    return model


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """Class folders of images that have nothing to do with their classes."""
    root, draw = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    for name in "abcd":
        (root / name).mkdir()
        for number in range(12):
            pixels = draw.integers(0, 256, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number:02}.png")
    return root


@pytest.mark.parametrize("loss", ["SupCon", "ArcFace"])
def test_an_encoder_is_evaluated_on_classes_beside_each_other(noise, tmp_path, loss):
    """Class by class, every neighbour in a batch is of the same class, and acc is 1 whatever the network."""
    model = encoder(tmp_path, noise)
    found, loaded = (
        model.evaluate(data, loss=loss, batch_size=8) for data in (str(noise), model._data.train)
    )
    assert found["acc"] < 0.6
    if loss == "SupCon":
        assert model.evaluate(str(noise)) == pytest.approx(model.evaluate(model._data.train), rel=1e-5)
    assert loaded["acc"] < 0.6


def test_an_encoder_is_evaluated_on_classes_that_it_never_saw(noise, folders, tmp_path):
    model = encoder(tmp_path, noise)
    assert model.evaluate(str(folders))["acc"] > 0.3


def test_an_encoder_needs_two_images_of_a_class(noise, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        shutil.copy(noise / name / "00.png", tmp_path / name)
    model = encoder(tmp_path, noise)
    with pytest.raises(DataError, match="got one sample of each class"):
        model.evaluate(str(tmp_path))
    with pytest.raises(DataError, match="got one sample of each class"):
        model.evaluate((np.zeros((2, 3, 6, 6), np.float32), [0, 1]))


def test_images_of_different_sizes_are_no_batch_of_an_encoder(noise, tmp_path):
    shutil.copytree(noise, tmp_path / "more")
    Image.new("RGB", (9, 9)).save(tmp_path / "more" / "a" / "x.png")
    model = nn("embed", verbose=0)
    model.load_img_data(noise)
    model.add("conv2d", size=(3, 2), kernel_size=3)
    model.add("global_avgpool")
    with pytest.raises(DataError, match="expected images of one size"):
        model.evaluate(str(tmp_path / "more"))


def trained_with(loss, task, folder, **options):
    rng = np.random.default_rng(0)
    x = rng.random((24, 3)).astype(np.float32)
    y = rng.poisson(np.exp(x.sum(1))).astype(np.float32) if task == "reg" else np.arange(24) % 2
    network = nn(task, verbose=0)
    network.save_fold = folder
    network.load_dataset(x, y)
    network.add("linear", size=(3, 4), activation="relu")
    network.add(
        "linear", size=(4, 1 if task == "reg" else 2), activation="softmax" if task == "cls" else None
    )
    network.train(epochs=1, loss=loss, **options)
    return network, (x, y)


@pytest.mark.parametrize(
    ("loss", "task"),
    [
        ("PoissonNLLLoss", "reg"),
        ("mae", "reg"),
        ("HuberLoss", "reg"),
        ("MSELoss", "cls"),
        ("SoftMarginLoss", "cls"),
        ("MultiLabelSoftMarginLoss", "cls"),
        (None, "cls"),
        (None, "reg"),
    ],
)
def test_the_loss_is_that_of_the_training(tmp_path, loss, task):
    usual = {"cls": "CrossEntropyLoss", "reg": "MSELoss"}[task]
    network, data = trained_with(loss, task, tmp_path)
    expected = network.evaluate(data, loss=loss or usual)
    other = network.evaluate(data, loss=usual)
    assert (expected["loss"] == other["loss"]) == (loss is None)
    loaded = nn(task, verbose=0)
    loaded.load(tmp_path / "basenn.pth")
    for each in (network, loaded):
        assert each.evaluate(data)["loss"] == pytest.approx(expected["loss"], abs=0)
        assert each.evaluate(data, loss=usual)["loss"] == pytest.approx(other["loss"], abs=0)


def test_a_training_that_is_resumed_keeps_its_loss(tmp_path):
    network, data = trained_with("L1Loss", "reg", tmp_path)
    network.train(epochs=1, checkpoint=tmp_path / "basenn.pth")
    assert network.card().training["settings"]["loss"] == "L1Loss"
    assert network.evaluate(data)["loss"] == network.evaluate(data, loss="L1Loss")["loss"]
    network.train(epochs=1, checkpoint=tmp_path / "basenn.pth", loss="MSELoss")
    assert network.card().training["settings"]["loss"] == "MSELoss"


def test_arcface_is_no_loss_without_its_weights(noise, tmp_path):
    """Its weights are not the network's: a new one would have others in each call."""
    network = encoder(tmp_path, noise)
    network.train(epochs=1, loss="ArcFace")
    assert network.evaluate(str(noise)) == network.evaluate(str(noise), loss="SupCon")


COUNTED = "0,1,2,3\n5,1,2,0\n2,3,1,1\n2,5,4,0\n"
"""A first row that counts the columns: a heading, unless header= says otherwise."""


def test_header_decides_in_evaluate_and_inference_too(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(COUNTED, encoding="utf-8")
    model = nn("cls", verbose=0)
    model.load_tab_data(path, header=False)
    model.add("linear", size=(3, 4), activation="softmax")
    rows = np.array([[0, 1, 2], [5, 1, 2], [2, 3, 1], [2, 5, 4]])
    assert len(model.inference(path, header=False)) == 4
    np.testing.assert_allclose(model.inference(path, header=False), model.inference(rows), rtol=1e-6)
    model.load_dataset(rows, ["3", "0", "1", "0"])
    assert model.evaluate(path, header=False) == model.evaluate((rows, ["3", "0", "1", "0"]))
    with pytest.warns(
        UserWarning, match=r"as the heading. Use header=False .*read_table\(path, header=False\)"
    ):
        assert len(model.inference(path)) == 3


@pytest.mark.parametrize("heading", ["5,3,9", "9,3,5", "5,8,3,9"])
def test_a_first_row_of_names_that_the_network_knows_is_a_heading(tmp_path, heading):
    """Nothing else says that of integers among integers."""
    path, other = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_text("5,3,9\n1,2,0\n2,3,1\n3,1,0\n4,0,1\n", encoding="utf-8")
    model = nn("cls", verbose=0)
    model.load_tab_data(path, header=True)
    model.add("linear", size=(2, 2), activation="softmax")
    columns = {"5": (1, 2, 3, 4), "3": (2, 3, 1, 0), "9": (0, 1, 0, 1), "8": (7, 7, 7, 7)}
    rows = zip(*(columns[name] for name in heading.split(",")), strict=True)
    other.write_text(
        "\n".join([heading, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8"
    )
    np.testing.assert_array_equal(model.inference(other), model.inference(path))
    assert model.evaluate(other) == model.evaluate(path)
    model.export(tmp_path / "a.onnx")
    served = rt.load(tmp_path / "a.onnx").predict(other)
    np.testing.assert_allclose([each.scores for each in served], model.inference(path), rtol=1e-5)


@pytest.mark.parametrize("data", [(np.zeros((2, 3)), [0, 1]), "a.npz", None, ["a.csv"]])
def test_header_is_an_option_of_tables(data):
    model = nn("cls", verbose=0)
    model.add("linear", size=(3, 2), activation="softmax")
    with pytest.raises(InputError, match=r"inference\(header=...\): expected the path of a CSV file"):
        model.inference(data, header=True)
    if data is not None:  # else the validation data is meant
        with pytest.raises(DataError, match=r"evaluate\(header=...\): expected the path of a CSV file"):
            model.evaluate(data, header=True)


def test_a_table_that_was_read_first_is_as_its_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(",x,y,z,label\n0,5,1,2,0\n1,2,3,1,1\n2,2,5,4,0\n", encoding="utf-8")
    model = nn("cls", verbose=0)
    model.add("linear", size=(3, 2), activation="softmax")
    for table in (read_table(path), [read_table(path)]):
        np.testing.assert_array_equal(model.inference(table), model.inference(path))


def test_a_table_of_another_width_is_described_by_its_columns(monkeypatch):
    model = nn("cls", verbose=0)
    model.add("linear", size=(2, 2), activation="softmax")
    with pytest.raises(DataError, match=r"expected 2 columns, which the network takes, got 3 columns\."):
        model.evaluate((np.zeros((4, 3)), [0, 1, 0, 1]))
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    with pytest.raises(DataError) as caught:
        model.evaluate((np.zeros((4, 3)), [0, 1, 0, 1]))
    assert not re.search("[a-z]{3}", caught.value.text.replace("evaluate", "")), caught.value.text
