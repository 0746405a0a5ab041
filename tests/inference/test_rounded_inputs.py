"""float32 for a network that takes float64: refused where it has lost what the network distinguishes."""

from __future__ import annotations

import warnings

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.arrays.precision import check_precision, rounded
from onnxnn_runtime.errors import OnnxnnError
from support.frames import Frame
from torch.utils.data import DataLoader, TensorDataset

from onnxnn import nn

ROWS = 60
X = np.stack([1_700_000_000 + np.arange(ROWS, dtype=np.float64), np.arange(ROWS) % 5], 1)
Y = np.arange(ROWS) % 2
ROUNDED = X.astype(np.float32)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wide")
    model = nn("cls", verbose=0)
    model.load_dataset(X, Y, standardize=True, shuffle=False)
    model.add("linear", size=(2, 2), activation="softmax")
    model.train(epochs=1, save_fold=str(folder))
    model.export(str(folder / "a.onnx"))
    np.save(folder / "rounded.npy", ROUNDED)
    np.savez(folder / "rounded.npz", data=ROUNDED, label=Y)
    return model, rt.load(folder / "a.onnx"), folder


def batches(x):
    return DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(Y)), batch_size=16)


def test_the_card_says_what_columns_deviate_by(trained):
    _, model, _ = trained
    np.testing.assert_allclose(model.card.input.deviations, X.std(0))
    assert rt.ModelCard.from_json(model.card.to_json()) == model.card


FORMS = {
    "array": ROUNDED,
    "one row": ROUNDED[3],
    "list of rows": list(ROUNDED),
    "list of numbers": [list(row) for row in ROUNDED],
    "tensor": torch.from_numpy(ROUNDED),
    "half": np.minimum(ROUNDED, 65_000).astype(np.float16) + np.float16(0.5),
    "dict": {"input": ROUNDED},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("call", ["inference", "infer", "predict"])
def test_rounded_numbers_are_refused(trained, call, form):
    torch_model, model, _ = trained
    if form == "dict" and call != "infer":
        return
    run = torch_model.inference if call == "inference" else getattr(model, call)
    with pytest.raises(
        OnnxnnError, match=r"column 0: .* got \d+ as float(32|16), which cannot hold the differ"
    ):
        run(FORMS[form])


def test_files_batches_and_data_sets_are_refused(trained):
    torch_model, model, folder = trained
    calls = {
        "npy": lambda: model.predict(folder / "rounded.npy"),
        "npy in torch": lambda: torch_model.inference(folder / "rounded.npy"),
        "batches": lambda: torch_model.inference(batches(ROUNDED)),
        "evaluate": lambda: torch_model.evaluate((ROUNDED, Y)),
        "evaluate batches": lambda: torch_model.evaluate(batches(ROUNDED)),
        "evaluate npz": lambda: torch_model.evaluate(folder / "rounded.npz"),
        "load_npz_data": lambda: torch_model.load_npz_data(folder / "rounded.npz"),
    }
    for call in calls.values():
        with pytest.raises(OnnxnnError, match=r"column 0: .* got 1700000000 as float32"):
            call()


def test_what_keeps_the_numbers_passes_without_a_word(trained):
    torch_model, model, _ = trained
    expected = torch_model.inference(X)
    assert len(np.unique(expected[:, 0])) == ROWS
    loaded = torch_model.load_dataset(X, Y, shuffle=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given in (
            X.astype(np.int64),
            X.tolist(),
            Frame({"a": X[:, 0], "b": X[:, 1]}),
            torch.from_numpy(X),
        ):
            np.testing.assert_array_equal(torch_model.inference(given), expected)
            np.testing.assert_allclose([each.scores for each in model.predict(given)], expected, atol=1e-6)
        for given in (batches(X), loaded):
            np.testing.assert_array_equal(torch_model.inference(given), expected)
        assert np.isfinite(model.infer(np.zeros((2, 2), np.float32))).all()  # of which nothing was lost


@pytest.mark.parametrize("standardize", [True, False])
def test_training_on_rounded_numbers_is_mentioned(standardize):
    minutes = (X + np.arange(ROWS)[:, None] * [60, 0]).astype(np.float32)
    with pytest.warns(UserWarning, match="x: column 0 is float32, which cannot hold the differences"):
        nn("cls", verbose=0).load_dataset(minutes, Y, standardize=standardize)


@pytest.mark.parametrize(
    "column",
    [
        np.random.default_rng(0).normal(5.8, 0.8, ROWS),
        1990.0 + np.arange(ROWS) % 30,
        1_000_000.0 + np.arange(ROWS),  # integers below 2^24 are exact
        np.full(ROWS, 1e9),
        101_325 + np.random.default_rng(0).normal(0, 50, ROWS),
    ],
)
def test_training_on_common_float32_is_not(column):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        x = np.stack([column, column], 1).astype(np.float32)
        nn("cls", verbose=0).load_dataset(x, Y, standardize=True)
    assert not caught


def test_what_rounding_loses():
    deviations = np.array([100.0, 1e-3])
    x = np.array([[1_700_000_000, 2020.5], [16_777_216, 2020], [0.1, 0.25]], np.float32)
    assert rounded(x, deviations).tolist() == [[True, True], [False, False], [False, False]]
    for exact in (x.astype(np.float64), x.astype(np.int64)):
        assert not rounded(exact, deviations).any()
    check_precision(x, ())
    check_precision(x, (1.0, 2.0, 3.0))  # of another width, which is refused elsewhere


@pytest.mark.parametrize("form", ["frame", "dict", "records"])
def test_a_rounded_column_beside_others_is_refused(form, tmp_path):
    whole = {"time": X[:, 0], "b": X[:, 1].astype(int)}
    mixed = {"b": whole["b"], "time": whole["time"].astype(np.float32)}
    model = nn("cls", verbose=0)
    model.load_dataset(Frame(whole), Y, standardize=True)
    model.add("linear", size=(2, 2), activation="softmax")
    model.train(epochs=1, save_fold=str(tmp_path))
    model.export(str(tmp_path / "a.onnx"))
    loaded = rt.load(tmp_path / "a.onnx")
    records = np.zeros(ROWS, [("b", int), ("time", np.float32)])
    for name, column in mixed.items():
        records[name] = column
    given = {"frame": Frame(mixed), "dict": mixed, "records": records}[form]
    for call in (
        lambda: model.inference(given),
        lambda: model.evaluate((given, Y)),
        lambda: loaded.predict(given),
        lambda: loaded.infer(given),
    ):
        with pytest.raises(OnnxnnError, match=r"column 'time': .* got 1700000000 as float32"):
            call()
    assert len(loaded.predict({**mixed, "time": whole["time"]})) == ROWS
