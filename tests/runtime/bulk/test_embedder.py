"""`Embedder`: batches of Ray Data and Spark, rows, and plain loops get the vectors that `embed` returns."""

from __future__ import annotations

import copy
import io

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.bulk import Embedder
from PIL import Image


@pytest.fixture
def model(open_model):
    return open_model("image_embedder", device="cpu")


@pytest.fixture
def arrays():
    random = np.random.RandomState(3)
    return [random.randint(0, 256, (9, 7, 3)).astype(np.uint8) for _ in range(3)]


@pytest.fixture
def paths(arrays, tmp_path):
    found = [str(tmp_path / (str(number) + ".png")) for number in range(len(arrays))]
    for path, array in zip(found, arrays):
        Image.fromarray(array).save(path)
    return found


def encoded(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def objects(values):
    found = np.empty(len(values), object)
    found[:] = values
    return found


@pytest.mark.parametrize("column", ["bytes", "content", "image", "path", "mine"])
def test_columns_of_inputs(model, arrays, paths, column):
    values = {"image": np.stack(arrays), "path": np.array(paths)}
    values.setdefault(column, objects([encoded(array) for array in arrays]))
    embedder = Embedder(model, column="mine" if column == "mine" else None)
    found = embedder({"label": np.arange(3), column: values[column]})
    assert set(found) == {"label", "vector"} | ({column} & {"path", "mine"})
    assert found["label"].tolist() == [0, 1, 2]
    assert found["vector"].dtype == np.float32
    np.testing.assert_array_equal(found["vector"], model.embed(paths))


def test_bytes_come_before_paths(model, arrays):
    batch = {"path": ["a.png", "b.png"], "bytes": [encoded(array) for array in arrays[:2]]}
    found = Embedder(model, normalize=True)(batch)
    assert found["path"] == ["a.png", "b.png"]
    np.testing.assert_array_equal(found["vector"], model.embed(arrays[:2], normalize=True))


def test_bytes_are_never_a_path(model, paths):
    with pytest.raises(rt.InputError, match="expected an image, got a text file"):
        Embedder(model)({"bytes": [paths[0].encode()]})


def test_a_row(model, paths, arrays):
    found = Embedder(model)({"path": paths[1], "label": 5})
    assert (found["path"], found["label"], found["vector"].shape) == (paths[1], 5, (2,))
    row = Embedder(model)({"bytes": encoded(arrays[1])})
    np.testing.assert_array_equal(row["vector"], found["vector"])


def test_broken_rows_are_left_out(model, arrays, paths):
    content = [encoded(arrays[0]), b"none", encoded(arrays[2])]
    batch = {"bytes": content, "path": np.array(paths)}
    with pytest.raises(rt.InputError, match=r"input\[1\]: the image of 4 bytes: expected an image"):
        Embedder(model)(batch)
    with pytest.warns(UserWarning, match=r"1 input was left out: input\[1\]"):
        found = Embedder(model, errors="skip")(batch)
    assert found["path"].tolist() == [paths[0], paths[2]]
    np.testing.assert_array_equal(found["vector"], model.embed([arrays[0], arrays[2]]))


def test_a_row_cannot_be_left_out(model):
    embedder = Embedder(model, errors="skip")
    with pytest.warns(UserWarning, match="left out"), pytest.raises(rt.InputError, match="a single row"):
        embedder({"bytes": b"none"})


def test_the_same_path_twice_and_one_that_is_missing(model, paths):
    with pytest.warns(UserWarning, match="no such file"):
        found = Embedder(model, errors="skip")({"path": [paths[0], "not/there.png", paths[0]]})
    assert found["path"] == [paths[0], paths[0]]
    assert len(found["vector"]) == 2


def test_a_folder_in_a_row_is_refused(model, paths, tmp_path):
    with pytest.raises(rt.InputError, match="expected one input in each row"):
        Embedder(model)({"path": [str(tmp_path)]})


def test_an_empty_batch(model):
    found = Embedder(model)({"bytes": objects([]), "label": np.zeros(0)})
    assert (found["vector"].shape, found["label"].shape) == ((0, 2), (0,))


def test_a_batch_without_inputs(model):
    with pytest.raises(rt.InputError, match=r"expected one of the columns 'bytes', 'content', .*got \['x'\]"):
        Embedder(model)({"x": [1]})


def test_what_is_no_batch(model):
    with pytest.raises(rt.InputError, match="expected a dict of columns, a pandas DataFrame"):
        Embedder(model)(5)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"label": [1]}, "label"),
        ({"label": np.arange(3)}, "label"),
        ({"label": 5}, "label"),
        ({"label": "ab"}, "label"),
        ({"label": np.array(1)}, "label"),
        ({"path": None}, "path"),
        ({"path": 3}, "path"),
        ({"path": Image.new("RGB", (2, 2))}, "path"),
    ],
)
def test_columns_that_do_not_match(model, paths, more, name):
    with pytest.raises(
        rt.InputError, match=rf"column '{name}': expected an array or a list with a value for"
    ):
        Embedder(model)({"path": paths[:2], **more})


def test_a_model_without_vectors(open_model):
    with pytest.raises(rt.CardError, match="embed"):
        Embedder(open_model("table", device="cpu"))


def test_wrong_options(model):
    with pytest.raises(rt.InputError, match="expected 'raise' or 'skip'"):
        Embedder(model, errors="ignore")
    with pytest.raises(rt.CallError, match="Did you mean 'normalize'"):
        Embedder(model, normalise=True)


def test_it_opens_paths_and_bytes(golden, paths):
    path = golden / "models" / "image_embedder.onnx"
    by_path, by_bytes = Embedder(path, device="cpu", threads=1), Embedder(path.read_bytes())
    np.testing.assert_array_equal(by_path({"path": paths})["vector"], by_bytes({"path": paths})["vector"])


def test_data_frames_and_iterators_of_them(model, arrays, paths):
    """What `mapInPandas` of Spark gives: an iterator of frames, some of them empty."""
    pandas = pytest.importorskip("pandas", reason="data frames need pandas")
    frame = pandas.DataFrame({"path": paths, "label": [4, 5, 6]}, index=[7, 8, 9])
    found = list(copy.copy(Embedder(model))(iter([frame[:2], frame[2:], frame[:0]])))
    assert [list(each.columns) for each in found] == [["path", "label", "vector"]] * 3
    assert [list(each.index) for each in found] == [[7, 8], [9], []]
    vectors = np.array([vector for each in found for vector in each["vector"]])
    np.testing.assert_array_equal(vectors, model.embed(paths))
    content = pandas.DataFrame({"path": paths, "content": [encoded(array) for array in arrays]})
    assert list(Embedder(model)(content).columns) == ["path", "vector"]
