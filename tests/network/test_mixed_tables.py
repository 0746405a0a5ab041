"""Tables with categories, dates, booleans and gaps: trained, saved, exported and run."""

from __future__ import annotations

import numpy as np
import onnx
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import CardError, DataError, InputError, LayerError

from onnxnn import nn
from onnxnn.graph.shape import Shape
from onnxnn.layers import make
from onnxnn.quantization.quantizer import quantize

HEADING = ("size", "town", "plate", "built", "garden", "price")


def write_csv(path, heading, rows):
    lines = [",".join(map(str, row)) for row in (heading, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows(count=60, seed=0):
    draw = np.random.default_rng(seed)
    for number in range(count):
        size = int(draw.integers(30, 200))
        town = ("Oslo", "Rome", "上海")[int(draw.integers(3))]
        built = f"{draw.integers(1950, 2020)}-{draw.integers(1, 13):02}-{draw.integers(1, 28):02}"
        garden = ("yes", "no")[int(draw.integers(2))]
        yield (
            "" if number % 9 == 1 else size,
            "" if number % 11 == 3 else town,
            f"AB {number}",
            built,
            garden,
            size / 50,
        )


@pytest.fixture
def table(tmp_path):
    return write_csv(tmp_path / "houses.csv", HEADING, rows())


@pytest.fixture
def trained(table, tmp_path):
    model = nn("reg", verbose=0)
    model.load_tab_data(table, label="price")
    model.add("linear", size=(None, 4), activation="relu")
    model.add("linear", size=(4, 1))
    model.save_fold = str(tmp_path / "ckpt")
    model.train(lr=0.01, epochs=2)
    return model


def shuffled(path, columns, tmp_path, change=lambda row: row):
    """Write the table with its columns in another order."""
    given = [dict(zip(HEADING, row, strict=True)) for row in rows()]
    return write_csv(
        tmp_path / "other.csv", columns, [[change(row)[name] for name in columns] for row in given]
    )


def test_torch_the_file_and_the_checkpoint_agree(trained, table, tmp_path):
    path = trained.export(tmp_path / "a.onnx").path
    model = rt.load(path)
    expected = trained.inference(str(table))
    found = np.stack([result.scores for result in model.predict(table)])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    other = shuffled(
        table, ("garden", "extra", "built", "size", "town"), tmp_path, lambda row: {**row, "extra": 1}
    )
    np.testing.assert_array_equal(trained.inference(str(other)), expected)
    loaded = nn("reg", verbose=0)
    loaded.load(str(tmp_path / "ckpt" / "basenn.pth"))
    np.testing.assert_array_equal(loaded.inference(str(table)), expected)
    assert trained.evaluate(str(table)) == pytest.approx(loaded.evaluate(str(table)))
    assert model.card.input == loaded.card().input


def test_one_row_in_every_form(trained, tmp_path):
    model = rt.load(trained.export(tmp_path / "a.onnx").path)
    row = {"size": 100, "town": "Oslo", "built": "1990-05-03", "garden": True}
    expected = trained.inference(row)
    for given in (row, list(row.values()), [row], [list(row.values())]):
        np.testing.assert_allclose(model.predict(given)[0].scores, expected[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(trained.inference(given), expected)
    unseen, gap = {**row, "town": "Paris"}, dict.fromkeys(row)
    assert np.isfinite(trained.inference([unseen, gap])).all()


def test_numbers_are_prepared_in_the_graph_from_raw_values(trained, tmp_path):
    graph = onnx.load(trained.export(tmp_path / "a.onnx").path).graph
    assert {"IsNaN", "Where", "Sub", "Div", "Concat"} <= {node.op_type for node in graph.node}
    assert [dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim][1] == 10


def test_data_loaded_before_a_checkpoint_is_prepared_as_its_network_does(trained, table, tmp_path):
    other = nn("reg", verbose=0)
    small = write_csv(tmp_path / "small.csv", HEADING, [row for row in rows(30) if row[1] != "Rome"])
    other.load_tab_data(small, label="price")
    other.add("linear", size=(None, 4), activation="relu")
    other.add("linear", size=(4, 1))
    other.train(checkpoint=str(tmp_path / "ckpt" / "basenn.pth"), epochs=1, save_fold=str(tmp_path))
    assert other.card().input == trained.card().input


def test_a_held_out_part_and_float64(tmp_path):
    stamps = [(1_700_000_000 + number, ("a", "b", "")[number % 3], number % 2) for number in range(40)]
    model = nn("cls", verbose=0)
    model.load_tab_data(write_csv(tmp_path / "a.csv", ("time", "kind", "label"), stamps), train_val_ratio=0.8)
    model.add("linear", size=(None, 2), activation="softmax")
    model.train(epochs=1, save_fold=str(tmp_path))
    loaded = rt.load(model.export(tmp_path / "a.onnx").path)
    assert loaded.card.input.dtype == "float64"
    row = {"time": 1_700_000_003, "kind": "a"}
    np.testing.assert_allclose(loaded.predict(row)[0].scores, model.inference(row)[0], rtol=1e-4)
    assert not np.array_equal(model.inference({**row, "time": 1_700_000_004}), model.inference(row))


def test_without_standardisation_gaps_are_filled_all_the_same(table):
    model = nn("reg", verbose=0)
    model.load_tab_data(table, label="price", standardize=False)
    model.add("linear", size=(None, 1))
    first = model.card().network[0]
    assert first["layer"] == "impute"
    assert set(first["options"]["mean"]) == {0.0}
    assert set(first["options"]["std"]) == {1.0}
    assert first["options"]["indicators"] == [0]


@pytest.mark.parametrize(
    ("columns", "change", "message"),
    [
        (("size", "town", "built", "price"), {}, "columns are missing: 'garden'"),
        (
            ("size", "city", "built", "garden", "price"),
            {"city": "Oslo"},
            "missing: 'town'; additional: 'city', 'price'",
        ),
        (HEADING, {"size": "large"}, r"column 1 \('size'\): expected a number, got 'large'"),
        (HEADING, {"garden": "maybe"}, "expected true or false"),
        (HEADING, {"built": "May"}, "expected a date"),
    ],
)
def test_a_table_whose_columns_changed_is_refused(trained, table, tmp_path, columns, change, message):
    path = shuffled(table, columns, tmp_path, lambda row: {**row, **change})
    for call in (trained.evaluate, lambda given: trained.load_tab_data(given, label="price")):
        with pytest.raises(DataError, match=message):
            call(str(path))
    model = rt.load(trained.export(tmp_path / "a.onnx").path)
    for call in (trained.inference, model.predict):
        with pytest.raises(InputError, match=message):
            call(str(path))


@pytest.mark.parametrize("text", ["size,town,price\n1,Oslo,2\n", "size,price\n,2\n"])
def test_a_network_of_numbers_takes_no_texts_and_gaps(tmp_path, text):
    model = nn("reg", verbose=0)
    model.load_tab_data(
        write_csv(tmp_path / "a.csv", ("size", "town", "price"), [(n, n * n, n) for n in range(9)])
    )
    model.add("linear", size=(2, 1))
    model.train(epochs=1, save_fold=str(tmp_path))
    (tmp_path / "b.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"expected a number, got|columns are missing: 'town'"):
        model.load_tab_data(tmp_path / "b.csv", label="price")


def test_arrays_hold_the_numbers_that_the_network_takes(trained, table, tmp_path):
    with pytest.raises(DataError, match=r"expected 10 columns \(size, town, built, garden\).*got 4 columns"):
        trained.load_dataset(np.zeros((4, 4), np.float32), np.zeros(4))
    trained.load_dataset(np.zeros((4, 10), np.float32), np.zeros(4))
    other = nn("reg", verbose=0)
    batches = other.load_tab_data(
        write_csv(tmp_path / "b.csv", HEADING, rows(30)), columns={"town": "ignore"}
    )
    with pytest.raises(DataError, match="got columns that were prepared in another way"):
        trained.evaluate(batches)


def test_a_page_refuses_such_a_model(trained, tmp_path):
    from onnxnn_runtime.web.page import write_page

    with pytest.raises(CardError, match="columns of texts, dates or gaps: use onnxnn serve"):
        write_page(trained.export(tmp_path / "a.onnx").path, tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_smaller_file_takes_the_same_rows(table, tmp_path, precision):
    trained = nn("reg", verbose=0)
    trained.load_tab_data(table, label="price")
    for _ in range(2):
        trained.add("linear", size=(None, 128), activation="relu")
    trained.add("linear", size=(None, 1))
    trained.train(lr=0.01, epochs=2, save_fold=str(tmp_path))
    path = trained.export(tmp_path / "a.onnx").path
    quantize(path, str(table), tmp_path / "b.onnx", precision=precision)
    found = rt.load(tmp_path / "b.onnx").predict(table)
    expected = trained.inference(str(table))[:, 0]
    np.testing.assert_allclose([each.scores[0] for each in found], expected, rtol=0.1, atol=0.1)


def test_the_first_layer_says_what_it_fills():
    layer = make("impute", {"mean": (1.0, 0.0), "std": 2.0, "fill": (1.0, 2.0), "indicators": (1,)})
    x = torch.tensor([[float("nan"), 3.0], [5.0, float("nan")]])
    assert layer.build(Shape.vector(2))(x).tolist() == [[0, 1.5, 0], [2, 1, 1]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fill": (1, 2, 3)}, "expected 2 numbers in fill, or one for all, and indicators below that, got 3"),
        ({"indicators": (2,)}, "expected 2 numbers in fill"),
        ({"indicators": (-1,)}, "expected indicators to be columns, integers from 0"),
        ({"fill": "median"}, "expected fill to be a finite number"),
    ],
)
def test_wrong_options_of_the_first_layer(options, message):
    with pytest.raises(LayerError, match=message):
        make("impute", {"mean": 0, "std": 1, **options}).resolve(Shape.vector(2))
    with pytest.raises(LayerError, match="expected rows of a table"):
        make("impute", {"mean": 0, "std": 1}).resolve(Shape.image(1, 2, 2))


def test_the_importance_of_its_columns(trained, table):
    found = trained.feature_importance(str(table), repeats=2)
    assert set(found.mean) == {"size", "town", "built", "garden"}
    assert found.score == "r2"
