"""Data sets from CSV files."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import DataError, MissingDataError

from onnxnn import nn
from onnxnn.data import load_table
from onnxnn.data.options import TableOptions
from onnxnn.graph.shape import Shape

HEADER = "sepal,petal,kind\n"


@pytest.fixture
def write(tmp_path):
    def write_text(text, encoding="utf-8"):
        path = tmp_path / "鸢尾花.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write_text


def only(batches):
    (batch,) = batches
    return batch


@pytest.mark.parametrize("labels", ["0 1 2", "0.0 1.0 2.0"])
def test_numbers_as_labels(write, labels):
    rows = [f"{number},{number + 0.5},{label}" for number, label in enumerate(labels.split())]
    data = load_table(write(HEADER + "\n".join(rows)), "cls", TableOptions(shuffle=False))
    x, y = only(data.train)
    assert data.kind == "table"
    assert data.sample == Shape.vector(2)
    assert data.classes == ("0", "1", "2")
    assert data.features == ("sepal", "petal")
    assert data.targets == ("kind",)
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
    assert x.tolist() == [[0, 0.5], [1, 1.5], [2, 2.5]]
    assert y.tolist() == [0, 1, 2]
    assert data.example.tolist() == [0, 0.5]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_texts_as_labels(write, encoding):
    data = load_table(
        write("花萼;花瓣;种类\n1,5;2;乙\n3;4;甲\n", encoding), "cls", TableOptions(shuffle=False)
    )
    assert data.classes == tuple(sorted("甲乙"))
    assert data.features == ("花萼", "花瓣")
    x, y = only(data.train)
    assert x.tolist() == [[1.5, 2], [3, 4]]
    assert [data.classes[number] for number in y.tolist()] == ["乙", "甲"]


def test_regression(write):
    data = load_table(write("a,b,price\n1,2,3.5\n4,5,6\n"), "reg", TableOptions(shuffle=False))
    _, y = only(data.train)
    assert (y.dtype, y.tolist()) == (torch.float32, [[3.5], [6.0]])
    assert (data.classes, data.targets) == ((), ("price",))


def test_without_a_header_all_rows_are_data(write):
    path = write("1,2,0\n3,4,1\n")
    with pytest.warns(UserWarning, match="no header found, so the first row counts as data"):
        data = load_table(path, "cls")
    assert data.train.num_samples == 2
    assert data.features == ()


def test_split_and_batches(write):
    rows = "\n".join(f"{n},{n},{n % 3}" for n in range(30))
    data = load_table(write(HEADER + rows), "cls", TableOptions(batch_size=8, train_val_ratio=0.8))
    assert (data.train.num_samples, data.validation.num_samples) == (24, 6)
    assert torch.cat([y for _, y in data.validation]).bincount().tolist() == [2, 2, 2]
    assert len(data.train) == 3


def test_standardisation_is_a_layer_made_from_training_rows(write):
    rows = "\n".join(f"{n},7,{1e6 + n / 8},{n % 2}" for n in range(40))
    torch.manual_seed(0)
    data = load_table(
        write("a,b,c,label\n" + rows),
        "cls",
        TableOptions(batch_size=None, train_val_ratio=0.5, standardize=True),
    )
    x = data.train.tensors()[0].double()
    mean, std = np.array(data.normalize.mean), np.array(data.normalize.std)
    np.testing.assert_allclose(mean, x.mean(0), rtol=1e-6)
    np.testing.assert_allclose(std[[0, 2]], x.std(0, correction=0)[[0, 2]], rtol=1e-2)
    assert std[1] == 1
    assert load_table(write("a,label\n1,0\n2,1\n"), "cls").normalize is None


@pytest.mark.parametrize(
    ("text", "task", "message"),
    [
        (HEADER + "1,2,a\n1,x,b\n", "cls", r"row 3, column 2 \('petal'\): expected a number, got 'x'"),
        (HEADER + "1,2,a\n1,2,\n", "cls", r"each row of column 3 \('kind'\), got none in row 3"),
        (HEADER + "1,2,a\n1,2\n", "cls", "row 3: expected 3 cells"),
        (
            HEADER + "1,2,a\n3,4,a\n",
            "cls",
            r"column 3 \('kind'\): expected at least two classes, got one class only \(a\)",
        ),
        (HEADER + "1,2,0.5\n3,4,1\n", "cls", "expected classes, integers or names, got 0.5"),
        (HEADER + "1,2,a\n3,4,b\n", "reg", r"row 2, column 3 \('kind'\): expected a number, got 'a'"),
        (HEADER + "1e39,2,0\n3,4,1\n", "cls", r"x\[0, 0\]: expected a finite number, got 1e\+39"),
        ("a\n1\n2\n", "cls", "one column only"),
        (HEADER, "cls", "expected rows of data after the heading"),
        ("", "cls", "got an empty file"),
        (HEADER + "1,2,a\n3,4,b\n", "classify", r"nn\('classify'\): expected one of"),
    ],
)
def test_tables_that_do_not_fit(write, text, task, message):
    with pytest.raises(DataError, match=message):
        load_table(write(text), task)


def test_missing_file(tmp_path):
    with pytest.raises(MissingDataError, match="no such file"):
        load_table(tmp_path / "nowhere.csv", "cls")
    with pytest.raises(FileNotFoundError):
        load_table(tmp_path / "nowhere.csv", "cls")


@pytest.mark.parametrize("use", ["load", "evaluate"])
def test_a_wide_table_is_not_held_as_texts(write, use):
    values = np.random.default_rng(0).integers(0, 256, (1500, 400))
    labels = np.arange(1500) % 3
    heading = ",".join([*(f"p{i}" for i in range(400)), "label"])
    rows = [",".join(map(str, [*row, label])) for row, label in zip(values.tolist(), labels, strict=True)]
    path = write("\n".join([heading, *rows]))
    model = nn("cls", verbose=0)
    model.load_tab_data(path)
    model.add("linear", size=(400, 3), activation="softmax")
    tracemalloc.start()
    if use == "load":
        model.load_tab_data(path)
    else:
        model.evaluate(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6  # the numbers take 2.4 MB, the texts of the cells 40 MB
