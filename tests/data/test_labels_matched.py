"""Labels as text and class names that differ in case or in the form of accents alone."""

from __future__ import annotations

import enum
import unicodedata

import numpy as np
import pytest
from onnxnn_runtime.errors import DataError

from onnxnn import nn
from onnxnn.data.label_mapping import LabelMapping

X = np.zeros((4, 3), np.float32)
NFD = unicodedata.normalize("NFD", "Café")


def labels(model):
    return model._need_data().train.tensors()[1].tolist()


@pytest.mark.parametrize(
    ("y", "classes", "expected"),
    [
        (["cat", "dog", "dog", "cat"], ["Dog", "Cat"], [1, 0, 0, 1]),
        (["CAT", "dog", "dog", "CAT"], {"dog": 0, "cat": 1}, [1, 0, 0, 1]),
        (["café", "thé", "thé", "café"], ["Thé", NFD], [1, 0, 0, 1]),
        (["猫", "狗", "狗", "猫"], {0: "狗", 1: "猫"}, [1, 0, 0, 1]),
        (["Cat", "cat", "cat", "Cat"], ["cat", "Cat"], [1, 0, 0, 1]),
        (["CAT", "dog", "Cat", "dog"], ["cat", "dog"], [0, 1, 0, 1]),
        ([3, 1, 2, 3], ["3", "2", "1"], [0, 2, 1, 0]),
        ([5, 7, 7, 5], ["7", "5", "6"], [1, 0, 0, 1]),
        ([-1.0, 1.0, 1.0, -1.0], [1, -1], [1, 0, 0, 1]),
        ([0, 1, 1, 0], ["0", "1", "2"], [0, 1, 1, 0]),
        ([0, 1, 1, 0], ["no", "yes"], [0, 1, 1, 0]),
        ([True, False, False, True], ["True", "False"], [0, 1, 1, 0]),
        ([True, False, False, True], ["no", "yes"], [1, 0, 0, 1]),
    ],
)
@pytest.mark.parametrize("how", ["load_dataset", "load_npz_data"])
def test_classes_are_matched_to_labels(tmp_path, y, classes, expected, how):
    model = nn("cls", verbose=0)
    if how == "load_dataset":
        model.load_dataset(X, y, classes=classes, shuffle=False)
    else:
        np.savez(tmp_path / "a.npz", data=X, label=np.array(y))
        model.load_npz_data(tmp_path / "a.npz", classes=classes, shuffle=False)
    assert labels(model) == expected


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["CAT", "dog"], ["cat", "Cat", "dog"]),
        (["CAT", "Cat"], ["cat", "Cat", "dog"]),
        (["Cat", "cat"], ["cat", "dog"]),
        (["wolf", "dog"], ["cat", "dog"]),
    ],
)
def test_what_is_ambiguous_or_unknown_is_refused(y, classes):
    with pytest.raises(DataError, match="expected one of the classes"):
        nn("cls", verbose=0).load_dataset(X, y * 2, classes=classes)


def test_numbers_that_are_names_and_positions_are_names_and_that_is_said():
    model = nn("cls", verbose=0)
    with pytest.warns(UserWarning, match="so 0 is the class '0', and not '2', whose class index it is"):
        model.load_dataset(X, [0, 1, 2, 0], classes=[2, 1, 0], shuffle=False)
    assert labels(model) == [2, 1, 0, 2]


def test_numbers_of_classes_that_other_classes_are_called_by_are_said():
    model = nn("cls", verbose=0)
    with pytest.warns(UserWarning, match="0 is no name among the classes.*: 1 is the class '2', and not '1'"):
        model.load_dataset(X, [0, 1, 2, 0], classes=[1, 2, 3], shuffle=False)
    assert labels(model) == [0, 1, 2, 0]


@pytest.mark.parametrize("classes", [["yes", "no"], ["是", "否"]])
def test_bools_that_are_the_other_way_round_than_the_names_are_said(classes):
    y = [True, False, True, False]
    model = nn("cls", verbose=0)
    with pytest.warns(UserWarning, match=f"y: .* so False is '{classes[0]}' and True is '{classes[1]}'"):
        model.load_dataset(X, y, classes=classes, shuffle=False)
    assert labels(model) == [1, 0, 1, 0]
    with pytest.warns(UserWarning, match=f"so False is '{classes[0]}' and True is '{classes[1]}'"):
        assert LabelMapping(tuple(classes)).ids_of(LabelMapping(("False", "True"))).tolist() == [0, 1]
    model.load_dataset(X, y, classes=classes[::-1], shuffle=False)
    assert labels(model) == [1, 0, 1, 0]


@pytest.mark.parametrize("form", ["trained", "saved", "reloaded", "csv"])
@pytest.mark.parametrize("y", [[1, 2, 1, 1], [0, 1, 2, 0], ["2", "3", "2", "2"]])
@pytest.mark.filterwarnings("ignore:.*labels are class indices", "ignore:.*no header")
def test_labels_that_were_class_indices_stay_so(tmp_path, form, y):
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.load_dataset(X, [0, 1, 2, 0], classes=[1, 2, 3], shuffle=False)
    model.add("linear", size=(X.shape[1], 3), activation="softmax")
    model.train(epochs=1)
    expected = [int(label) - 1 if isinstance(label, str) else label for label in y]
    given = (X, np.array(y))
    if form == "saved":
        model.save(tmp_path / "saved.pth")
        model = nn("cls", verbose=0)
        model.load(tmp_path / "saved.pth")
    elif form == "reloaded":
        model = nn("cls", verbose=0)
        model.load(tmp_path / "basenn.pth")
    elif form == "csv" and not isinstance(y[0], str):
        given = tmp_path / "a.csv"
        np.savetxt(given, np.column_stack([X, y]), delimiter=",", fmt=["%.8f"] * X.shape[1] + ["%d"])
    right = model.evaluate((X, np.array(["1", "2", "3"])[expected]))
    assert model.evaluate(given) == right
    model.load_dataset(X, y, shuffle=False)
    assert labels(model) == expected
    with pytest.raises(DataError, match=r"expected class indices 0\.\.2 .*\(1, 2, 3\), got 1\.\.3"):
        model.evaluate((X, [1, 2, 3, 1]))


class Animal(str, enum.Enum):
    CAT = "cat"
    DOG = "dog"


ANIMALS = [Animal.DOG, Animal.CAT] * 2


@pytest.mark.parametrize("classes", [None, list(Animal), ["cat", "dog"]])
@pytest.mark.parametrize(
    "y",
    [ANIMALS, tuple(ANIMALS), np.array(ANIMALS, object), [[each] for each in ANIMALS]],
    ids=["list", "tuple", "array", "column"],
)
def test_texts_of_an_enum_are_texts(y, classes):
    model = nn("cls", verbose=0)
    model.load_dataset(X, y, classes=classes, shuffle=False)
    assert (model._state.data.classes, labels(model)) == (("cat", "dog"), [1, 0, 1, 0])


@pytest.mark.parametrize(
    ("own", "known", "expected"),
    [
        (("Cat", "dog"), ("dog", "cat"), [1, 0]),
        (("CAFÉ", "x"), ("X", unicodedata.normalize("NFD", "café")), [1, 0]),
        (("b", "A", "c"), ("a", "b", "C"), [1, 0, 2]),
        (("CAT", "Cat", "dog"), ("dog", "cat"), [1, 1, 0]),
    ],
)
def test_data_of_a_network_is_matched_by_name(own, known, expected):
    assert LabelMapping(known).ids_of(LabelMapping(own)).tolist() == expected


@pytest.mark.parametrize(
    ("own", "known"),
    [
        (("CAT", "dog"), ("cat", "Cat", "dog")),
        (("cat", "Cat"), ("cat", "dog")),
        (("CAT", "Cat"), ("cat", "Cat", "dog")),
    ],
)
def test_data_of_a_network_that_is_ambiguous_is_refused(own, known):
    with pytest.raises(DataError, match="expected classes of the network"):
        LabelMapping(known).ids_of(LabelMapping(own))


@pytest.mark.parametrize("shapes", [((5, 6, 3), (6, 5, 3)), ((8, 8), (9, 9))])
def test_arrays_of_different_size_are_named(shapes):
    images = [np.zeros(shape, np.uint8) for shape in shapes]
    with pytest.raises(
        DataError, match=r"got image 0 of height \d and width \d, image 1 of height .*\(224, 224\)"
    ):
        nn("cls", verbose=0).load_dataset(images, [0, 1])
