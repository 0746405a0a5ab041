"""Which columns of a CSV file are inputs, which one is the label, and what labels are."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import DataError

from onnxnn import nn
from onnxnn.data import load_table
from onnxnn.data.options import TableOptions
from onnxnn.data.table_columns import class_labels


@pytest.fixture
def load(tmp_path):
    def load_text(text, task="cls", encoding="utf-8", **options):
        path = tmp_path / "a.csv"
        path.write_bytes(text.encode(encoding))
        return load_table(path, task, TableOptions(shuffle=False, **options))

    return load_text


def numbers(data):
    x, y = data.train.tensors()
    return x.tolist(), y.tolist()


MISSING = [
    "?",
    "NA",
    "n/a",
    "NaN",
    "null",
    "None",
    "-",
    "",
    "#N/A",
    "<NA>",
    "缺失",
    "NaT",
    "--",
    ".",
    "#DIV/0!",
    "#REF!",
]


@pytest.mark.parametrize("task", ["cls", "embed", "reg"])
@pytest.mark.parametrize("mark", MISSING)
def test_missing_labels_are_an_error_with_their_rows(load, task, mark):
    with pytest.raises(
        DataError, match=r"expected a label in each row of column 2 \('kind'\), got none in 2 rows, 4, 6"
    ):
        load(f"a,kind\n1,0\n2,1\n3,{mark}\n4,1\n5,{mark}\n6,0\n", task)


def test_a_message_lists_a_few_of_many_rows(load):
    rows = "1,0\n2,1\n" + "3,NA\n" * 500
    with pytest.raises(DataError, match=r"got none in 500 rows, 4, 5, .*, 13 and 490 more") as caught:
        load("a,kind\n" + rows)
    assert len(str(caught.value)) < 400


def test_the_user_decides_what_is_missing(load):
    text = "a,kind\n1,none\n2,mild\n3,?\n"
    with pytest.raises(DataError, match=r"got none in 2 rows, .* \('\?', 'none'\).*pass missing=\[\]"):
        load(text)
    assert load(text, missing=[]).classes == ("?", "mild", "none")
    with pytest.raises(DataError, match=r"column 2 .*, got none in row 4 \('\?'\)"):
        load(text, missing=["?"])
    with pytest.raises(DataError, match=r"column 2 .*, got none in row 4 \('\?'\)"):
        load(text, missing=np.array(["?"]))
    with pytest.raises(DataError, match="got none in row 3"):
        load("a,kind\n1,x\n2,\n", missing=[])


@pytest.mark.parametrize("labels", ["+-", "-+", ".-", "?!", "—|"])
def test_signs_alone_are_classes(load, labels):
    assert load(f"a,kind\n1,{labels[0]}\n2,{labels[1]}\n").classes == tuple(sorted(labels))


def test_a_message_about_missing_labels_names_the_option_where_nobody_chose_the_column(load):
    text = "a,kind,comment\n1,0,\n2,1,\n3,0,good\n"
    with pytest.raises(DataError, match="If another column is the label, name it with label="):
        load(text)
    with pytest.raises(DataError, match="missing") as caught:
        load(text, label="comment")
    assert "label=" not in str(caught.value)


def test_a_text_among_the_inputs_may_be_the_label(load):
    text = "kind of flower,a,b\nx,1,0\n2,3,1\n4,5,1\n"
    with pytest.raises(DataError, match=r"got 'x'.* The label is column 3 \('b'\); label= names another one"):
        load(text)
    assert load(text, label="kind of flower").classes == ("2", "4", "x")
    with pytest.raises(DataError, match=r"pass columns=\{'kind of flower': 'categorical'\}\. \[E-DATA-04\]$"):
        load(text, label="b")


def test_classes_of_a_network_are_never_missing(load, tmp_path):
    text = "a,kind\n1,none\n2,mild\n3,none\n"
    model = nn("cls", verbose=0)
    (tmp_path / "b.csv").write_text(text, encoding="utf-8")
    model.load_tab_data(tmp_path / "b.csv", missing=[])
    model.add("linear", size=(1, 2), activation="softmax")
    model.train(epochs=1, save_fold=str(tmp_path))
    for data in (tmp_path / "b.csv", (np.array([[1], [2.0]]), ["none", "mild"])):
        assert "acc" in model.evaluate(data, metrics=["acc"])


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["01", "7_1"], ("01", "7_1")),
        (["01", "02"], ("01", "02")),
        (["1e3", "2e3"], ("1e3", "2e3")),
        (["٣", "٤"], ("٣", "٤")),
        (["１", "２"], ("１", "２")),
        (["true", "False"], ("False", "true")),
        (["True", "False"], ("False", "True")),
        (["yes", "no"], ("no", "yes")),
        (["+1", "-1"], ("+1", "-1")),
        (["-0", "1"], ("-0", "1")),
        (["1,5", "2,5"], ("1,5", "2,5")),
        (["2019-01-01", "2020-01-01"], ("2019-01-01", "2020-01-01")),
        (["0x1", "0x2"], ("0x1", "0x2")),
        (["1", "a"], ("1", "a")),
        ([" 1 ", "0"], ("0", "1")),
        (["1.0", "0.0"], ("0", "1")),
        (["1", "0.0"], ("0", "1")),
        (["9" * 25, "8"], ("8", "9" * 25)),
    ],
)
def test_labels_are_the_text_that_they_are_or_integers(load, labels, classes):
    rows = "".join(f'{number},"{label}"\n' for number, label in enumerate(labels))
    data = load("a,kind\n" + rows)
    assert data.classes == classes
    given = [label.strip().replace(".0", "") for label in labels]
    assert [data.classes[number] for number in numbers(data)[1]] == given


def test_fractions_are_no_classes():
    values, were_floats = class_labels(["0.5", "1"])
    assert (values.dtype.kind, were_floats) == ("f", False)
    assert class_labels(["1.0", "2"])[1]


def test_labels_with_decimal_commas_are_numbers(load):
    text = "a;b;kind\n1,5;2;1,5\n3;4;2,5\n1;2,5;1,5\n"
    assert numbers(load(text, "reg"))[1] == [[1.5], [2.5], [1.5]]
    with pytest.raises(
        DataError, match=r"expected classes, integers or names, got 1\.5\. .* use nn\('reg'\)"
    ):
        load(text)
    whole = load("a;b;kind\n1,5;2;1,0\n3;4;0,0\n")
    assert (whole.classes, len(whole.remarks)) == (("0", "1"), 1)


def test_labels_with_commas_are_texts_elsewhere(load):
    assert load("a;kind\n1;x, y\n2;1,5\n").classes == ("1,5", "x, y")


@pytest.mark.parametrize("name", ["label", "Class", "target", "标签", "类别", "y", "Species", "物种", "种类"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_column_called_as_labels_are_is_the_label(load, name, place):
    names = ["p0", "p1"]
    names.insert(place, name)
    rows = "".join(f"{n + 10},{n},{2 * n}\n" if place else f"{n},{n + 10},{2 * n}\n" for n in (0, 1, 2))
    with pytest.warns(
        UserWarning, match=rf"column {place + 1} \('{name}'\) is taken as the label, not the last"
    ):
        data = load(",".join(names) + "\n" + rows)
    assert data.features == ("p0", "p1")
    assert numbers(data) == ([[10, 0], [11, 2], [12, 4]], [0, 1, 2])


def test_columns_of_classes_are_labels_of_classes_only(load):
    text = "species,length,weight\n0,1,2.5\n1,2,3.5\n0,3,4.5\n"
    assert load(text, "reg").features == ("species", "length")
    assert load("species,a,outcome\n0,1,1\n1,2,0\n").features == ("species", "a")


def test_coordinates_are_no_labels(load):
    assert load("x,y,kind\n1,2.5,a\n2,3.5,b\n").features == ("x", "y")


@pytest.mark.parametrize("label", ["p0", "P0", 0, -3])
def test_the_user_chooses_the_label(load, label):
    data = load("p0,p1,label\n0,5,7\n1,6,8\n", label=label)
    assert (data.features, numbers(data)) == (("p1", "label"), ([[5, 7], [6, 8]], [0, 1]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "cost"}, "expected a column 'cost', got the columns a, b"),
        ({"label": 7}, "expected a column from 0 to 2, got 7"),
        ({"label": True}, "label=True: expected the name of a column"),
        ({"label": 1.5}, "label=1.5: expected the name"),
        ({"index": "cost"}, "expected a column 'cost', got"),
        ({"index": ["a", "b"]}, "no column is left for the inputs"),
    ],
)
def test_columns_that_are_not_there(load, options, message):
    with pytest.raises(DataError, match=message):
        load("a,b,kind\n1,2,0\n3,4,1\n", **options)


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index", "Id", "序号"])
def test_an_index_is_left_out_and_mentioned(load, name):
    text = f"{name},a,b,kind\n0,1,2,0\n1,3,4,1\n2,5,6,1\n"
    with pytest.warns(UserWarning, match="counts the rows and is left out; index=False keeps it"):
        data = load(text)
    assert data.features == ("a", "b")
    assert numbers(data)[0] == [[1, 2], [3, 4], [5, 6]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(text, index=False).features == load(text, index=np.False_).features == (name, "a", "b")
        assert load(text, index=0).features == ("a", "b")


def test_the_only_input_is_no_index(load):
    assert load("id,kind\n1,0\n2,1\n3,1\n").features == ("id",)


@pytest.mark.parametrize("task", ["cls", "reg"])
def test_what_training_leaves_out_is_not_asked_for_later(tmp_path, task):
    path, other = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_text("Unnamed: 0,label,a,b\n0,0,1,2\n1,1,3,4\n2,1,5,7\n", encoding="utf-8")
    other.write_text("B,A\n2,1\n4,3\n7,5\n", encoding="utf-8")
    model = nn(task, verbose=0)
    with pytest.warns(UserWarning, match="left out|taken as the label"):
        model.load_tab_data(path, shuffle=False)
    model.add("linear", size=(2, 2 if task == "cls" else 1))
    expected = model.inference(np.array([[1, 2], [3, 4], [5, 7]], np.float32))
    np.testing.assert_array_equal(model.inference(path), expected)
    np.testing.assert_array_equal(model.inference(other), expected)


def test_a_recipe_takes_the_options(tmp_path):
    from onnxnn.recipe import read_recipe

    (tmp_path / "a.csv").write_bytes("prix,pétale,espèce\n3,1,rosé\n4,2,blanc\n".encode("latin-1"))
    (tmp_path / "r.yaml").write_text(
        "task: cls\ndata: {table: a.csv, encoding: cp1252, label: espèce, index: prix, header: true}\n"
        "layers:\n  - linear: {size: [1, 2]}\n",
        encoding="utf-8",
    )
    card = read_recipe(tmp_path / "r.yaml").build().card()
    assert (card.input.features, card.output.classes) == (("pétale",), ("blanc", "rosé"))


def test_a_foreign_encoding_is_mentioned(load):
    with pytest.warns(UserWarning, match=r"is read as cp1252 \('pétale'\)\. Use encoding= to choose"):
        assert load("pétale,kind\n1,a\n2,b\n", encoding="latin-1").features == ("pétale",)


def test_thousands_in_a_file(load):
    with pytest.raises(DataError, match=r"row 1, column 1: '1,234', and row 1, column 2: '0\.5'"):
        load("1,234\t0.5\t0\n999\t0.25\t1\n")
    with pytest.warns(UserWarning, match="no header"):
        assert numbers(load("1,234\t0.5\t0\n999\t0.25\t1\n", thousands=","))[0] == [[1234, 0.5], [999, 0.25]]


@pytest.mark.parametrize(
    "index", [["id"], ("id",), {"id"}, {"id": 0}, np.array(["id"]), [0], np.array([0]), np.int64(0)]
)
def test_several_columns_may_be_an_index(load, index):
    assert load("id,a,kind\n3,1.5,0\n1,2.5,1\n", index=index).features == ("a",)


@pytest.mark.parametrize(
    "index", [1.5, True, np.True_, np.array(0), torch.tensor(0), b"id", itertools.count(-1000), range(10**12)]
)
def test_what_is_no_column_is_no_index(load, index):
    with pytest.raises(
        DataError, match=r"index=.*: expected the name of a column|expected a column from 0 to 2, got 3"
    ):
        load("id,a,kind\n3,1.5,0\n1,2.5,1\n", index=index)


@pytest.mark.parametrize("index", [None, "", "Unnamed: 0"])
def test_columns_that_pandas_counts_are_no_sample(load, index):
    rows = [["0", "1", "2"], *([f"{k / 4}", f"{k * k / 8}", f"{k % 2}"] for k in range(6))]
    if index is not None:
        rows = [[cell, *row] for cell, row in zip([index, *"012345"], rows, strict=True)]
    with pytest.warns(UserWarning, match="a.csv") as said:
        data = load("".join(",".join(row) + "\n" for row in rows))
    assert (data.train.num_samples, data.classes, data.features) == (6, ("0", "1"), ("0", "1"))
    assert any("is taken as the heading" in str(each.message) for each in said)


def test_an_index_without_a_heading_is_mentioned(load):
    rows = "0,1.5,2.5,a\n1,3.5,0.25,b\n2,4.5,1.75,a\n"
    with pytest.warns(UserWarning, match="a.csv") as said:
        assert load(rows).sample.sizes == (3,)
    assert any("counts the rows and is kept as an input; index=0" in str(each.message) for each in said)
    with pytest.warns(UserWarning, match="no header found"):
        assert load(rows, index=0).sample.sizes == (2,)


def test_a_name_that_stands_twice_is_none(load):
    with pytest.warns(UserWarning, match="several columns are named 'a'"):
        assert load("a,a,kind\n1,2,0\n3,4,1\n").features == ()


@pytest.mark.parametrize("name", ["id", "index", "Unnamed: 3", "编号"])
def test_a_last_column_that_counts_rows_is_no_label(load, name):
    with pytest.warns(UserWarning, match="a.csv") as said:
        data = load(f"a,b,kind,{name}\n1,3,x,1\n2,1,y,2\n5,2,x,3\n")
    assert (data.features, data.classes) == (("a", "b"), ("x", "y"))
    texts = [str(each.message) for each in said]
    assert any("column 3 ('kind') is taken as the label; label=" in text for text in texts)
    assert any("counts the rows and is left out" in text for text in texts)


def test_a_last_column_that_counts_rows_may_be_chosen(load):
    rows = "a,b,id\n1,3,1\n2,1,2\n5,2,3\n"
    assert load(rows, "reg", label="id").features == ("a", "b")
    assert load(rows, "reg", index=False).targets == ("id",)


def test_lessons_whose_first_rows_count_samples(tmp_path):
    rows = "".join(f"{5 + k},3.{k},{2 * k},0.5,{k}\n" for k in [0, 1, 2] * 4)
    for count in (12, 30):
        (tmp_path / f"{count}.csv").write_text(
            f"{count},4,setosa,versicolor,virginica\n{rows}", encoding="utf-8"
        )
    model = nn("cls", verbose=0)
    model.load_tab_data(tmp_path / "12.csv")
    model.add("linear", size=(4, 3), activation="softmax")
    model.train(epochs=1, save_fold=str(tmp_path))
    expected = model.evaluate(tmp_path / "12.csv")
    assert model.evaluate(tmp_path / "30.csv") == expected
    assert model.inference(tmp_path / "30.csv").shape == (12, 3)
