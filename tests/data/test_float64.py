"""Numbers that float32 cannot hold: standardised in float64, in torch, in the file, and in every call."""

from __future__ import annotations

import warnings

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import DataError
from support.frames import Frame

from onnxnn import nn
from onnxnn.data import load_table
from onnxnn.data.options import TableOptions
from onnxnn.data.standardize import COARSE, needs_float64, rounded_columns, standardization
from onnxnn.graph.shape import Shape
from onnxnn.layers import make

ROWS = 400
COLUMNS = {
    "seconds": 1_700_000_000 + np.arange(ROWS, dtype=np.float64),
    "milliseconds": 1_700_000_000_000 + np.arange(ROWS, dtype=np.float64) * 7,
    "years": 2020 + np.arange(ROWS) / 40_000,
    "serial numbers": 123_456_789 + np.arange(ROWS, dtype=np.float64)[::-1],
    "degrees": 121.4737 + np.arange(ROWS) * 1e-6,
}


def write(path, columns, labels):
    lines = [",".join([*columns, "label"])]
    lines += [",".join([*(f"{value:.6f}" for value in row), str(label)])
              for row, label in zip(zip(*columns.values(), strict=True), labels, strict=True)]  # fmt: skip
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def standard(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


@pytest.fixture
def labels():
    return (np.arange(ROWS) >= ROWS // 2).astype(int)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_keeps_its_values(tmp_path, labels, name):
    columns = {"small": np.arange(ROWS) % 7 / 2, name: COLUMNS[name]}
    data = load_table(
        write(tmp_path / "a.csv", columns, labels), "cls", TableOptions(shuffle=False, standardize=True)
    )
    x = data.train.tensors()[0]
    assert x.dtype == torch.float64
    module = data.normalize.build(Shape.vector(2))
    y = module(x)
    assert y.dtype == torch.float32
    np.testing.assert_allclose(y, standard(np.stack(list(columns.values()), 1)), atol=1e-6)


def test_every_call_sees_them(tmp_path, labels):
    path = write(tmp_path / "a.csv", {"time": COLUMNS["seconds"], "b": np.arange(ROWS) % 5}, labels)
    x = np.stack([COLUMNS["seconds"], np.arange(ROWS) % 5], 1)
    torch.manual_seed(0)
    model = nn("cls", verbose=0)
    model.load_tab_data(path, standardize=True, batch_size=50, train_val_ratio=0.8)
    model.add("linear", size=(2, 8), activation="tanh")
    model.add("linear", size=(8, 2), activation="softmax")
    model.train(lr=0.05, epochs=15, save_fold=str(tmp_path))
    expected = model.inference(x)
    assert np.mean(expected.argmax(1) == labels) > 0.95
    assert len(np.unique(expected[:, 0])) > 50
    np.testing.assert_array_equal(model.inference(path), expected)
    for data in (path, (x, labels)):
        assert model.evaluate(data, metrics=["acc"])["acc"] == np.mean(expected.argmax(1) == labels)
    again = nn("cls", verbose=0)
    again.load(tmp_path / "basenn.pth")
    np.testing.assert_array_equal(again.inference(path), expected)
    model.export(str(tmp_path / "a.onnx"))
    loaded = rt.load(tmp_path / "a.onnx")
    assert loaded.card.input.dtype == loaded.inputs["input"][0] == "float64"
    assert loaded.card.parity["relative"] < 1e-5
    np.testing.assert_allclose(loaded.infer(x), expected, atol=1e-6)
    for given in (path, x, x.tolist(), {"b": x[:, 1], "time": x[:, 0]}):
        np.testing.assert_allclose([each.scores for each in loaded.predict(given)], expected, atol=1e-6)


@pytest.mark.parametrize("form", ["array", "integers", "frame", "npz", "sequences"])
def test_arrays_are_standardised_like_files(tmp_path, labels, form):
    x = np.stack([COLUMNS["milliseconds"], np.arange(ROWS) % 7.0], 1)
    model = nn("cls", verbose=0)
    if form == "npz":
        np.savez(tmp_path / "a.npz", data=x, label=labels)
        model.load_npz_data(tmp_path / "a.npz", standardize=True)
    else:
        names = ("time", "b")
        forms = {
            "array": x,
            "integers": x.astype(np.int64),
            "frame": Frame(dict(zip(names, x.T, strict=True))),
            "sequences": np.repeat(x[:, None], 3, 1),
        }
        model.load_dataset(forms[form], labels, standardize=True, shuffle=False)
    shape = Shape.sequence(3, 2) if form == "sequences" else Shape.vector(2)
    module = model._state.data.train.preparation.normalize.build(shape)
    given = np.repeat(x[:, None], 3, 1) if form == "sequences" else x
    np.testing.assert_allclose(
        module(torch.from_numpy(given)), standard(given.reshape(-1, 2)).reshape(given.shape), atol=1e-6
    )
    if form == "frame":
        model.add("linear", size=(2, 2))
        np.testing.assert_array_equal(
            model.inference(Frame({"b": x[:, 1], "time": x[:, 0]})), model.inference(x)
        )


def test_arrays_without_standardisation_are_mentioned(labels):
    x = np.stack([COLUMNS["seconds"], np.arange(ROWS) % 7.0], 1)
    with pytest.warns(UserWarning, match=r"x: column 0 holds numbers .* standardize=True"):
        nn("cls", verbose=0).load_dataset(x, labels)


def test_images_are_not_standardised_by_column():
    images = np.zeros((4, 8, 8), np.uint8)
    with pytest.raises(
        DataError, match=r"expected a table or sequences, got images.* transform=\{'Normalize'"
    ):
        nn("cls", verbose=0).load_dataset(images, [0, 1, 0, 1], standardize=True)


def test_training_continues_in_float64(tmp_path, labels):
    path = write(tmp_path / "a.csv", {"time": COLUMNS["seconds"]}, labels)
    model = nn("cls", verbose=0)
    model.load_tab_data(path, standardize=True)
    model.add("linear", size=(1, 2), activation="softmax")
    model.train(lr=0.05, epochs=2, save_fold=str(tmp_path))
    again = nn("cls", verbose=0)
    again.load_tab_data(path, standardize=True)
    again.add("linear", size=(1, 2), activation="softmax")
    again.train(lr=0.05, epochs=20, save_fold=str(tmp_path), checkpoint=str(tmp_path / "basenn.pth"))
    assert np.mean(again.inference(path).argmax(1) == labels) > 0.95


def test_common_columns_stay_float32(tmp_path, labels):
    random = np.random.default_rng(0)
    columns = {
        "length": random.normal(5.8, 0.8, ROWS).round(1),
        "year": 1990.0 + np.arange(ROWS) % 30,
        "pixel": (np.arange(ROWS) == 7) * 255.0,
        "constant": np.full(ROWS, 0.1),
    }
    data = load_table(write(tmp_path / "a.csv", columns, labels), "cls", TableOptions(standardize=True))
    assert data.train.tensors()[0].dtype == torch.float32
    assert "wide" not in data.normalize.options()


def test_without_standardisation_it_is_said(tmp_path, labels):
    path = write(tmp_path / "a.csv", {"time": COLUMNS["seconds"], "b": np.arange(ROWS) % 5}, labels)
    with pytest.warns(UserWarning, match=r"column 1 \('time'\) holds numbers whose .* standardize=True"):
        load_table(path, "cls")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_table(path, "cls", TableOptions(standardize=True))


def test_which_columns_need_it():
    x = np.stack([COLUMNS["seconds"], np.arange(ROWS) * 0.1, np.full(ROWS, 1e9 + 0.1)], 1)
    assert needs_float64(x) == [0]
    assert needs_float64(x.astype(np.float32)) == []
    assert needs_float64(np.arange(12, dtype=np.int64).reshape(4, 3)) == []


def test_standardisation_of_many_rows_is_that_of_all(labels):
    x = np.random.default_rng(0).normal(1e6, 3, (10_000, 2))
    layer = standardization(x)
    np.testing.assert_allclose(layer.mean, x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(layer.std, x.std(0), rtol=1e-9)


@pytest.mark.parametrize("position", ["first", "later"])
def test_the_layer_may_stand_anywhere(tmp_path, position):
    model = nn("reg", verbose=0)
    model.load_dataset(np.random.default_rng(0).random((8, 3), np.float32), np.zeros(8))
    if position == "later":
        model.add("linear", size=(3, 3))
    model.add("normalize", mean=0.5, std=2, wide=True)
    model.add("linear", size=(3, 1))
    model.export(str(tmp_path / "a.onnx"))
    wanted = "float64" if position == "first" else "float32"
    assert rt.load(tmp_path / "a.onnx").inputs["input"][0] == wanted
    assert make("normalize", {"mean": 0.5, "std": 2, "wide": True}).wide


@pytest.mark.parametrize("form", ["file", "array", "frame", "sequences"])
def test_data_may_be_there_before_the_checkpoint(tmp_path, labels, form):
    columns = {"time": COLUMNS["seconds"], "b": np.arange(ROWS) % 5 / 10}
    x, path = np.stack(list(columns.values()), 1), write(tmp_path / "a.csv", columns, labels)
    x = np.repeat(x[:, None], 3, 1) if form == "sequences" else x

    def load(model, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # without standardize= float32 is not enough, which is said
            if form == "file":
                model.load_tab_data(path, batch_size=ROWS, **options)
            else:
                model.load_dataset(Frame(columns) if form == "frame" else x, labels, **options)

    model = nn("cls", verbose=0)
    load(model, standardize=True)
    if form == "sequences":
        model.add("lstm", size=(2, 4))
        model.add("linear", size=(4, 2), activation="softmax")
    else:
        model.add("linear", size=(2, 2), activation="softmax")
    model.train(lr=0.05, epochs=3, save_fold=str(tmp_path))
    later = nn("cls", verbose=0)
    load(later)
    later.load(tmp_path / "basenn.pth")
    for (given, _), (own, _) in zip(later._data.train, model._data.train, strict=True):
        assert given.dtype == own.dtype == torch.float64
        torch.testing.assert_close(given.sort(0)[0], own.sort(0)[0], rtol=0, atol=0)
    other = later.load_dataset(x, labels) if form != "file" else later.load_tab_data(path)
    assert later.evaluate(other) == pytest.approx(model.evaluate((x, labels)))


def test_float32_that_lost_what_the_network_needs_is_refused(tmp_path, labels):
    x = np.stack([COLUMNS["seconds"], np.arange(ROWS) % 5], 1)
    model = nn("cls", verbose=0)
    model.load_dataset(x, labels, standardize=True)
    model.add("linear", size=(2, 2), activation="softmax")
    model.train(epochs=1, save_fold=str(tmp_path))
    later = nn("cls", verbose=0)
    with pytest.warns(UserWarning, match="column 0 is float32"):
        later.load_dataset(x.astype(np.float32), labels)
    with pytest.raises(DataError, match=r"column 0: .* got 1700000000 as float32"):
        later.load(tmp_path / "basenn.pth")


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
def test_mixed_precision_keeps_inputs_and_targets(tmp_path, labels, precision):
    x = np.stack([COLUMNS["seconds"], np.arange(ROWS) % 5], 1)
    model = nn("cls", verbose=0)
    model.load_dataset(x, labels, standardize=True, batch_size=100)
    model.add("linear", size=(2, 8), activation="tanh")
    model.add("linear", size=(8, 2), activation="softmax")
    model.train(lr=0.05, epochs=15, precision=precision, save_fold=str(tmp_path))
    assert model.evaluate((x, labels), metrics=["acc"])["acc"] > 0.95


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("outliers", [1, 5000])
def test_no_rounded_column_is_passed_over_by_its_range(dtype, outliers):
    x = np.ones((10_000, 3), dtype) * dtype(1000.5)
    x[:outliers, 1] += dtype(0.5 if dtype == np.float32 else 16.5)
    x[:, 2] = np.linspace(-1, 1, len(x))
    size, deviation = np.abs(x.astype(float)).max(axis=0), x.astype(float).std(axis=0)
    rounding = size * float(np.finfo(dtype).eps) / 2
    wanted = [column for column in (1, 2) if rounding[column] > COARSE * deviation[column]]
    assert rounded_columns(x) == wanted
