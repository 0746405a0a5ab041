"""Targets that are values, or a loss on values, make a network a regression where nobody chose a task."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.errors import DataError

from onnxnn import nn
from onnxnn.recipe import read_recipe


def rows(count=40):
    x = np.random.default_rng(0).standard_normal((count, 3)).astype(np.float32)
    return x, x @ [1.5, -2.0, 0.5] + 0.25


def add(model, units=1):
    model.add("linear", size=(3, 8), activation="relu")
    model.add("linear", size=(8, units))


def dataset(model, x, y, folder):
    model.load_dataset(x, y)


def table(model, x, y, folder):
    header = "a,b,c,label"
    np.savetxt(folder / "t.csv", np.column_stack((x, y)), delimiter=",", header=header, comments="")
    model.load_tab_data(str(folder / "t.csv"))


def npz(model, x, y, folder):
    np.savez(folder / "t.npz", data=x, label=y)
    model.load_npz_data(str(folder / "t.npz"))


@pytest.mark.parametrize("loss", [None, "MSELoss", "mean_absolute_error", "HuberLoss"])
@pytest.mark.parametrize("load", [dataset, table, npz])
def test_targets_with_fractions_make_it_a_regression(tmp_path, capsys, load, loss):
    model = nn(save_fold=str(tmp_path))
    load(model, *rows(), tmp_path)
    assert capsys.readouterr().out.count("They are read as values to predict") == 1
    add(model)
    model.train(lr=0.01, epochs=2, loss=loss, metrics=["mae"])
    assert model.task == "reg"
    model.export(tmp_path / "m.onnx")
    assert rt.load(tmp_path / "m.onnx").card.output.kind == "values"


def test_several_columns_of_values(tmp_path):
    x, y = rows()
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(x, np.stack((y, -y), 1))
    add(model, 2)
    model.train(lr=0.01, epochs=1, loss="MSELoss")
    assert model.inference(x).shape == (40, 2)


@pytest.mark.parametrize("loss", ["MSELoss", "mae", "SmoothL1Loss"])
def test_a_loss_on_values_reads_integers_as_values(tmp_path, capsys, loss):
    x, _ = rows()
    y = np.repeat(np.arange(8) * 5 + 10, 5)
    model = nn(save_fold=str(tmp_path))
    with pytest.warns(UserWarning, match="do not count from 0"):
        model.load_dataset(x, y, train_val_ratio=0.8)
    add(model)
    capsys.readouterr()
    model.train(lr=0.1, epochs=60, loss=loss)
    assert "values to predict" in capsys.readouterr().out
    assert model.inference(x).mean() == pytest.approx(y.mean(), rel=0.3)
    assert model.print_result(model.inference(x[:1]))[0].keys() == {"预测值"}


@pytest.mark.parametrize("values", [[5, 7], [-1, 1], [1, 2]])
def test_two_numbers_may_be_values_too(tmp_path, values):
    model = nn(save_fold=str(tmp_path), verbose=0)
    with pytest.warns(UserWarning, match="do not count from 0"):
        model.load_dataset(rows()[0], values * 20, shuffle=False)
    add(model)
    model.train(lr=0.01, epochs=1, loss="MSELoss")
    assert model.task == "reg"
    assert model._data.train.tensors()[1][:2].ravel().tolist() == values


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_0_and_1_stay_two_classes(tmp_path, activation):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(rows()[0], [0, 1] * 20)
    model.add("linear", size=(3, 1), activation=activation)
    model.train(lr=0.01, epochs=1, loss="MSELoss")
    assert model.task == "cls"


def test_values_keep_the_name_of_their_column(tmp_path):
    model = nn(save_fold=str(tmp_path), verbose=0)
    (tmp_path / "t.csv").write_text(
        "a,b,price\n" + "".join(f"{n},{-n},{n * 10 + 5}\n" for n in range(6)), encoding="utf-8"
    )
    with pytest.warns(UserWarning, match="do not count from 0"):
        model.load_tab_data(tmp_path / "t.csv", shuffle=False)
    model.add("linear", size=(2, 1))
    model.train(epochs=1, loss="MSELoss")
    assert model.card().output.targets == ("price",)


def test_classes_stay_classes(tmp_path):
    x, _ = rows()
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(x, np.arange(40) % 3)
    model.add("linear", size=(3, 3), activation="softmax")
    model.train(lr=0.01, epochs=1, loss="MSELoss")
    assert model.task == "cls"


@pytest.mark.parametrize("load", [dataset, table, npz])
def test_a_chosen_task_is_kept(tmp_path, load):
    with pytest.raises(DataError, match=r"use nn\('reg'\)"):
        load(nn("cls", verbose=0), *rows(), tmp_path)


def test_a_type_of_labels_is_a_choice(tmp_path):
    x, y = rows()
    with pytest.raises(DataError):
        table(nn("cls", verbose=0), x, y, tmp_path)
    model = nn("cls", verbose=0)
    model.load_tab_data(str(tmp_path / "t.csv"), y_type="float")
    assert model.task == "reg"


def test_a_recipe_without_a_task(tmp_path):
    table(nn("reg", verbose=0), *rows(), tmp_path)
    recipe = "data: {table: t.csv}\nlayers:\n  - linear: {size: 1}\ntrain: {epochs: 1}\nexport: m.onnx\n"
    (tmp_path / "r.yaml").write_text(recipe, encoding="utf-8")
    assert read_recipe(tmp_path / "r.yaml").run().network.task == "reg"


@pytest.mark.parametrize("shape", [(40, 3), (40, 5, 3)])
def test_arrays_are_standardised_by_the_network(tmp_path, shape):
    x = np.random.default_rng(0).standard_normal(shape) * [1e3, 1.0, 1e-3] + [5e4, 0, 1]
    y = x.reshape(40, -1)[:, 0] * 10
    model = nn("reg", save_fold=str(tmp_path), verbose=0)
    model.set_seed(0)
    model.load_dataset(x, y, standardize=True, train_val_ratio=0.75)
    if len(shape) == 3:
        model.add("flatten")
    model.add("linear", size=(x[0].size, 1))
    history = model.train(lr=0.1, epochs=80, metrics=["mae"])
    assert history[-1]["val_mae"] < 0.3 * np.abs(y - y.mean()).mean()
    model.export(tmp_path / "m.onnx")
    assert rt.load(tmp_path / "m.onnx").infer(x.astype(np.float32)) == pytest.approx(
        model.inference(x), rel=1e-3
    )


def test_images_are_not_standardised():
    with pytest.raises(DataError, match=r"standardize=True.*Normalize"):
        nn(verbose=0).load_dataset(np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 0, 1], standardize=True)


def labels_1_4_7(load, folder, task=None):
    model = nn(*([] if task is None else [task]), save_fold=str(folder), verbose=0)
    model.set_seed(0)
    load(model, rows()[0], np.array([1, 4, 7, 4] * 10), folder)
    add(model)
    return model


@pytest.mark.filterwarnings("ignore:.*do not count from 0")
@pytest.mark.parametrize("load", [dataset, table, npz])
@pytest.mark.parametrize("task", [None, "cls", "reg"])
def test_a_new_object_resumes_an_open_regression_as_the_same_one_does(tmp_path, load, task):
    model = labels_1_4_7(load, tmp_path)
    model.train(lr=0.05, epochs=2, loss="MSELoss")
    (tmp_path / "basenn.pth").rename(tmp_path / "two.pth")
    own = model.train(epochs=2, checkpoint=tmp_path / "two.pth")
    other = labels_1_4_7(load, tmp_path, task)
    assert other.train(epochs=2, checkpoint=tmp_path / "two.pth") == own
    loaded = labels_1_4_7(load, tmp_path, task)
    loaded.load(tmp_path / "basenn.pth")
    assert loaded.task == "reg"
    assert loaded._data.train.tensors()[1].unique().tolist() == [1, 4, 7]
    assert loaded._state.card() == other._state.card() == model._state.card()


def test_labels_handed_out_before_are_values_after_it(tmp_path):
    model = nn(save_fold=str(tmp_path), verbose=0)
    x, y = rows()[0], np.array([1, 4, 7, 4] * 10)
    with pytest.warns(UserWarning, match="do not count from 0"):
        train = model.load_dataset(x, y, shuffle=False)
    add(model)
    model.train(lr=0.05, epochs=1, loss="MSELoss")
    expected = np.abs(model.inference(x).ravel() - y).mean()
    assert model.evaluate(train, metrics="mae")["mae"] == pytest.approx(expected, rel=1e-5)


def test_classes_with_names_are_refused_by_a_regression(tmp_path):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(*rows())
    add(model)
    model.save(tmp_path / "values.pth")
    other = nn(save_fold=str(tmp_path), verbose=0)
    other.load_dataset(rows()[0], ["cat", "dog"] * 20)
    add(other)
    state = other._state
    with pytest.raises(DataError, match=r"expected numbers, as the network predicts values, got .* 'cat'"):
        other.train(checkpoint=tmp_path / "values.pth", epochs=1)
    assert other._state is state
