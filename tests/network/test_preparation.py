"""A trained network owns how its data is prepared: by name, everywhere, or refused."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.errors import DataError
from support.frames import Frame

from onnxnn import nn
from onnxnn.data import LabelMapping

NAMES = ["weight", "height", "tail"]


def data(seed=0, count=60):
    """Return three columns of which the first alone determines the class."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 2
    return rng.random((count, 3)) * [1, 50, 3] + np.outer(y, [2, 0, 0]) + [0, 100, 0], y


def table(path, names, x, y, label="kind"):
    order = [names.index(name) for name in names]
    lines = [",".join([*names, label])]
    lines += [",".join([*(f"{row[i]:.6g}" for i in order), str(k)]) for row, k in zip(x, y, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def trained(tmp_path):
    x, y = data()
    model = nn(save_fold=str(tmp_path / "ckpt"), verbose=0)
    model.set_seed(0)
    model.load_tab_data(
        table(tmp_path / "a.csv", NAMES, x, np.array(["cat", "dog"])[y]), standardize=True, batch_size=8
    )
    model.add("linear", size=(3, 8), activation="relu")
    model.add("linear", size=(8, 2), activation="softmax")
    model.train(lr=0.05, epochs=15)
    assert model.evaluate(tmp_path / "a.csv")["acc"] == 1
    return model


def swapped(tmp_path, names=("height", "tail", "weight"), labels=("cat", "dog")):
    x, y = data(1)
    order = [NAMES.index(name.lower()) for name in names]
    return table(tmp_path / "swapped.csv", list(names), x[:, order], np.array(labels)[y])


@pytest.mark.parametrize("names", [("height", "tail", "weight"), ("TAIL", "Weight", "height")])
def test_columns_go_by_name_in_every_call(trained, tmp_path, names):
    path, (x, y) = swapped(tmp_path, names), data(1)
    order = [NAMES.index(name.lower()) for name in names]
    frame = Frame(dict(zip(names, x.T[order], strict=True)))
    expected = trained.inference(x)
    for source in (path, frame):
        np.testing.assert_allclose(trained.inference(source), expected, rtol=1e-4)
    for source in (path, (frame, y), (x, y), (x, np.array(["cat", "dog"])[y])):
        assert trained.evaluate(source)["acc"] == 1
    handed = trained.load_tab_data(path, shuffle=False)
    assert trained.evaluate(handed)["acc"] == 1
    np.testing.assert_allclose(trained.inference(handed), expected, rtol=1e-4)
    again = nn(save_fold=str(tmp_path / "again"), verbose=0)
    again.load_tab_data(path, batch_size=8)
    history = again.train(checkpoint=tmp_path / "ckpt/basenn.pth", epochs=1, lr=1e-6, metrics="acc")
    assert history[-1]["acc"] == 1
    assert again.card().input.features == tuple(NAMES)


@pytest.mark.parametrize(
    "keys", [(2019, 2020, 2021), (0, 1, 2), (2, 0, 1), (("a", "x"), ("a", 1), ("b", "x"))]
)
@pytest.mark.filterwarnings("ignore:.*are taken by their numbers")
def test_columns_that_are_called_by_no_text_go_by_name_too(tmp_path, keys):
    x, y = data()
    frame = Frame(dict(zip(keys, x.T, strict=True)))
    model = nn("cls", save_fold=str(tmp_path / "ckpt"), verbose=0)
    model.load_dataset(frame, y, standardize=True)
    model.add("linear", size=(3, 2), activation="softmax")
    model.train(epochs=1)
    model.export(tmp_path / "a.onnx")
    expected, turned, served = model.inference(x), frame[list(keys)[::-1]], rt.load(tmp_path / "a.onnx")
    for table in (frame, turned):
        np.testing.assert_allclose(model.inference(table), expected, rtol=1e-5)
        np.testing.assert_allclose(served.infer(table), expected, rtol=1e-4)
        np.testing.assert_allclose([each.scores for each in served.predict(table)], expected, rtol=1e-4)
        assert model.evaluate((table, y)) == model.evaluate((x, y))


def test_columns_that_go_by_their_numbers_are_mentioned(tmp_path):
    x, y = data()
    model = nn("cls", save_fold=str(tmp_path / "ckpt"), verbose=0)
    model.load_dataset(x, y)
    model.add("linear", size=(3, 2), activation="softmax")
    model.train(epochs=1)
    model.export(tmp_path / "a.onnx")
    served, frame = rt.load(tmp_path / "a.onnx"), Frame(dict(zip((2, 0, 1), x.T, strict=True)))
    for call in (model.inference, served.infer, served.predict, lambda table: model.evaluate((table, y))):
        call(Frame(dict(enumerate(x.T))))
        with pytest.warns(UserWarning, match="the columns '2', '0', '1' are taken by their numbers, 0 first"):
            call(frame)


@pytest.mark.parametrize("loader", ["table", "frame"])
def test_a_missing_column_is_named_and_nothing_changes(trained, tmp_path, loader):
    x, y = data(1)
    before, names = trained.inference(x), ["height", "legs", "weight"]
    path = table(tmp_path / "b.csv", names, x, y)
    frame = Frame(dict(zip(names, x.T, strict=True)))
    with pytest.raises(DataError, match="missing: 'tail'; additional: 'legs'"):
        trained.load_tab_data(path) if loader == "table" else trained.load_dataset(frame, y)
    assert trained.card().input.features == tuple(NAMES)
    np.testing.assert_array_equal(trained.inference(x), before)


def test_later_data_does_not_replace_the_standardisation(trained, tmp_path):
    x, y = data(2)
    before, card = trained.inference(x), trained.card()
    for options in ({}, {"standardize": True}):
        trained.load_tab_data(table(tmp_path / "b.csv", NAMES, x * 9, np.array(["dog", "cat"])[y]), **options)
        np.testing.assert_array_equal(trained.inference(x), before)
        assert trained.card().network == card.network


def test_what_a_call_asks_for_in_vain_is_said(trained, tmp_path, capsys):
    trained.verbose = 1
    trained.load_tab_data(swapped(tmp_path), standardize=True)
    assert "trained with its own mean and deviation" in capsys.readouterr().out


def test_another_kind_of_data_is_refused(trained):
    before = trained._state
    with pytest.raises(DataError, match=r"takes table of shape|kind 'table'"):
        trained.load_dataset(np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 0, 1])
    assert trained._state is before


def test_another_batch_size_of_one_training_stays_its_own(trained, tmp_path):
    trained.train(epochs=1, batch_size=30)
    assert trained._data.train.batch_size == 8


@pytest.mark.parametrize(
    ("known", "own", "ids"),
    [
        (("cat", "dog"), ("dog", "cat"), [1, 0]),
        (("cat", "dog"), ("Dog",), [1]),
        (("\u00e9t\u00e9", "hiver"), ("hiver", "e\u0301te\u0301"), [1, 0]),
        (("cat", "dog", "owl"), ("1", "2"), [1, 2]),
        (("1", "2", "3"), ("3", "1"), [2, 0]),
        (("Dog", "dog"), ("dog", "Dog"), [1, 0]),
        (("cat", "dog"), ("cat", "dog"), None),
        ((), ("a", "b"), None),
    ],
)
def test_classes_take_the_networks_ids(known, own, ids):
    found = LabelMapping(known).ids_of(LabelMapping(own))
    assert (None if found is None else found.tolist()) == ids


@pytest.mark.parametrize(
    ("known", "own"), [(("cat", "dog"), ("cat", "owl")), (("0", "1"), ("5", "6")), (("a", "b"), ("2", "3"))]
)
def test_other_classes_are_refused(known, own):
    with pytest.raises(DataError, match="expected classes of the network"):
        LabelMapping(known).ids_of(LabelMapping(own))


def test_classes_that_do_not_occur_need_no_id():
    assert LabelMapping(("0", "2")).ids_of(LabelMapping(("0", "1", "2")), {0, 2}).tolist() == [0, 0, 1]


def test_other_names_in_order_are_said():
    with pytest.warns(UserWarning, match="x, y are taken for the classes cat, dog, in this order"):
        assert LabelMapping(("cat", "dog")).ids_of(LabelMapping(("x", "y"))) is None


def test_images_of_another_size_leave_a_trained_network_as_it_is(tmp_path):
    """Where height and width are free, data of another size is accepted and changes no weight."""
    rng = np.random.default_rng(0)
    x, y = rng.random((8, 1, 8, 8), np.float32), np.arange(8) % 2
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(x, y)
    model.add("conv2d", size=(1, 3), kernel_size=3, activation="relu")
    model.add("batchnorm2d", size=3)
    model.add("global_avgpool")
    model.add("linear", size=(3, 2), activation="softmax")
    model.train(epochs=2)
    before = model.inference(x)
    model.load_dataset(rng.random((8, 1, 12, 10), np.float32), y)
    np.testing.assert_array_equal(model.inference(x), before)
    model.train(epochs=1)
    model.export(tmp_path / "m.onnx")


def test_classes_do_not_matter_to_a_diffusion_model_without_any(tmp_path):
    x = np.random.default_rng(0).random((4, 1, 8, 8), np.float32)
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(x, ["a", "b", "a", "b"])
    model.add("diffusion_model", img_size=8, dim=8, dim_mults=(1, 2), timestep=10, attention=False)
    model.train(epochs=1, metrics=[], samples_every=0)
    model.load_dataset(x, ["c", "d", "e", "a"])
    assert model.train(epochs=1, metrics=[], samples_every=0)
