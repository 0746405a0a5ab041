"""`Model.report`: what it finds in folders, tables, arrays and texts, and what it refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import unknown
from onnxnn_runtime.inputs.folders import LeftOutWarning
from onnxnn_runtime.report.classification import Classified, classified
from PIL import Image
from support.models import graph, model, node, value
from support.posix import posix

RED, GREEN = (220, 10, 10), (10, 220, 10)


def write(path, color, seed=0, size=(70, 60)):
    """Write an image of one colour with noise of its own."""
    noise = np.random.default_rng(seed).integers(-10, 10, (*size, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)).save(str(path))


@pytest.fixture
def pets(tmp_path):
    """A folder with the model's two classes: one of twelve labels is wrong."""
    root = tmp_path / "test"
    for number in range(6):
        write(root / "red" / f"{number}.png", RED, number)
        write(root / "绿" / f"{number}.png", RED if number == 5 else GREEN, 10 + number)
    return root


def test_a_folder_of_classes(open_model, pets):
    seen = []
    report = open_model("image_classifier").report(
        pets, progress=lambda done, total: seen.append((done, total))
    )
    assert (report["samples"], report["right"]) == (12, 11)
    assert report["confusion"] == [[6, 0], [1, 5]]
    assert [each["name"] for each in report["classes"]] == ["red", "绿"]
    assert report["classes"][0]["precision"] == pytest.approx(6 / 7)
    (worst,) = report["worst"]
    assert (worst["name"], worst["label"], worst["predicted"]) == (str(pets / "绿" / "5.png"), "绿", "red")
    assert report["probably_wrong_labels"][0]["name"] == worst["name"]
    assert report["train_duplicates"] is None
    assert seen[-1] == (12, 12)
    predicted = open_model("image_classifier").predict(str(pets))
    assert worst["score"] == pytest.approx(predicted[11].score)


def test_a_report_is_a_mapping_that_json_holds(open_model, pets):
    report = open_model("image_classifier").report(pets)
    assert isinstance(report, rt.ModelReport)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False)) == dict(report)
    assert "accuracy 91.7%" in repr(report)


def test_images_that_stand_in_training_too_are_found(open_model, pets, tmp_path):
    train = tmp_path / "train"
    for name, color in (("red", RED), ("绿", GREEN)):
        for number in range(4):
            write(train / name / f"{number}.png", color, 100 + number)
    shapes = np.random.default_rng(5).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    photo = Image.fromarray(shapes).resize((90, 80), Image.BICUBIC)
    photo.save(str(pets / "red" / "seen.png"))
    photo.resize((70, 64)).point(lambda v: min(255, v + 20)).save(
        str(train / "red" / "again.jpg"), quality=70
    )
    found = open_model("image_classifier").report(pets, train=train)["train_duplicates"]
    assert [(pair["name"], pair["train"]) for pair in found["pairs"]] == [
        (str(pets / "red" / "seen.png"), str(train / "red" / "again.jpg"))
    ]
    assert (found["found"], found["train_samples"]) == (1, 9)


def test_duplicates_without_feature_vectors_and_among_rows(open_model, tmp_path):
    bright = [np.random.default_rng(seed).integers(0, 255, (20, 20), dtype=np.uint8) for seed in range(4)]
    report = open_model("binary").report(
        bright, labels=["dark", "bright"] * 2, train=[bright[2], bright[0].T]
    )
    (pair,) = report["train_duplicates"]["pairs"]
    assert (pair["name"], pair["train"]) == ("input[2]", "input[0]")
    rows = [[1.0, 2.0], [3.0, 1.0], [2.0, 2.0]]
    report = open_model("table").report(rows, labels=["a", "b", "a"], train=[[9, 9], [3, 1]])
    assert [pair["name"] for pair in report["train_duplicates"]["pairs"]] == ["input[1]"]


def test_strangers(golden, open_model, pets, tmp_path):
    """A class of the test set is what the reference vectors are of; blue images are strangers."""
    path = golden / "models" / "image_classifier.onnx"
    images = [str(each) for each in sorted(pets.rglob("*.png")) if each.name != "5.png"]
    vectors = rt.load(path).embed(images)
    labels = np.array([0 if "red" in each else 1 for each in images])
    model = rt.load(path, card=replace(rt.load(path).card, unknown=unknown.fit(vectors, labels)))
    for number in range(3):
        write(tmp_path / "others" / f"{number}.png", (20, 20, 230), number)
    write(tmp_path / "others" / "red.png", RED, 3)
    report = model.report(pets, strangers=tmp_path / "others")
    found = report["unknown"]
    assert (found["strangers"], found["strangers_noticed"]) == (4, 0.75)
    assert found["most_familiar"][0]["name"].endswith("red.png")
    assert found["auroc"] > 0.75
    assert sum(found["known_distances"]) == 12
    predicted = model.predict(str(tmp_path / "others"), unknown=True)
    assert sorted(each.distance for each in predicted) == pytest.approx(
        [each["distance"] for each in found["most_familiar"]], rel=1e-5
    )
    assert "Does it notice strangers?" in report.to_html()
    assert report.to_html().count("<img") == 12 + 1 + 1 + 4
    with pytest.raises(rt.CardError, match="unknown=True"):
        open_model("image_classifier").report(pets, strangers=pets)


def test_training_samples_and_strangers_have_to_be_there(open_model, pets, tmp_path):
    (tmp_path / "empty").mkdir()
    for train in (tmp_path / "empty", tmp_path / "none", 7):
        with pytest.raises(rt.InputError):
            open_model("image_classifier").report(pets, train=train)


@pytest.mark.parametrize("option", ["labels", "train", "strangers"])
def test_options_that_say_nothing_of_texts_are_refused(open_model, option):
    with pytest.raises(rt.InputError, match=rf"report\({option}=\.\.\.\)"):
        open_model("text").report(["春江"], **{option: ["春"]})


def test_rows_of_values_that_stand_in_training(open_model):
    rows = np.array([[1, 2], [3, 1]], np.float32)
    report = open_model("values").report(rows, labels=np.zeros((2, 3)), train=rows[1:])
    assert [pair["name"] for pair in report["train_duplicates"]["pairs"]] == ["input[1]"]
    assert "Seen in training?" in report.to_html()


def test_a_table_with_its_label_column(open_model, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("length,宽,label\n5,0,a\n0,5,b\n0,5,a\n", encoding="utf-8")
    report = open_model("table").report(path)
    assert report["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert report["worst"][0]["name"] == f"{path}:4"


@pytest.mark.parametrize(
    "labels", [[0, 1, 1], ["a", "b", "b"], [[1, 0, 0], [0, 1, 0], [0, 1, 0]], [0.0, 1.0, 1.0]]
)
def test_arrays_and_labels_in_any_form(open_model, tmp_path, labels):
    rows = np.array([[5, 0], [0, 5], [5, 0]], np.float32)
    report = open_model("table").report(rows, labels=labels)
    assert (report["right"], report["samples"]) == (2, 3)
    np.savez(tmp_path / "a.npz", data=rows, label=np.array(labels))
    assert open_model("table").report(tmp_path / "a.npz")["confusion"] == report["confusion"]


def test_values(open_model, tmp_path):
    rows = np.array([[1, 2], [3, 1], [0, 4], [2, 2]], np.float32)
    values = open_model("values").infer(rows)
    shifted = values + np.array([0, 0, 0.5], np.float32)
    report = open_model("values").report(rows, labels=shifted)
    assert report["targets"][2]["mae"] == pytest.approx(0.5)
    assert report["targets"][2]["mean_error"] == pytest.approx(-0.5)
    assert report["targets"][0]["r2"] == 1
    assert report["rmse"] == pytest.approx(np.sqrt(0.25 / 3))
    assert "R² " in str(report)


def test_texts(open_model, tmp_path):
    model = open_model("text")
    texts = ["春江花月", "月月", "花"]
    report = model.report(texts)
    probabilities = []
    for text in texts[:2]:
        ids = [model.card.input.vocabulary[each] for each in text]
        out = model.infer({"input": np.array([ids])})["output"][0]
        probabilities += [out[i, after] for i, after in enumerate(ids[1:])]
    assert report["perplexity"] == pytest.approx(np.exp(-np.log(probabilities).mean()), rel=1e-5)
    assert (report["tokens"], report["samples"], report["vocabulary"]) == (4, 2, 4)
    (tmp_path / "a.txt").write_text("春江花月\n\n月月\n花\n", encoding="utf-8")
    assert model.report(tmp_path / "a.txt")["perplexity"] == report["perplexity"]
    with pytest.raises(rt.DataError, match="two tokens or more"):
        model.report(["花"])
    with pytest.raises(rt.InputError, match="not in the vocabulary"):
        model.report(["春x"])


def test_long_texts_are_measured_in_pieces(open_model):
    text = "春江花月" * 300
    report = open_model("text").report([text])
    assert report["tokens"] == len(text) - 1
    assert len(report["worst"][0]["text"]) == 160


def steps_model(tmp_path):
    """Open a model that classifies each step of a sequence of two numbers: which one is larger."""
    shape = ("batch", "time", 2)
    card = rt.ModelCard(
        "cls", (), rt.InputSpec("sequence", shape), rt.OutputSpec("classes", shape, ("a", "b"))
    )
    made = graph(
        [node("Softmax", ["input"], ["output"], axis=2)], [value("input", shape)], [value("output", shape)]
    )
    (tmp_path / "steps.onnx").write_bytes(model(made, card))
    return rt.load(tmp_path / "steps.onnx")


def test_labels_of_steps(tmp_path):
    x = np.zeros((3, 4, 2), np.float32)
    x[:, ::2, 0] = 2
    x[:, 1::2, 1] = 2
    labels = [["a", "b", "a", "b"], ["a", "b", "a", "a"], ["a", "b", "b", "a"]]
    report = steps_model(tmp_path).report(x, labels=labels)
    assert report["step_accuracy"] == pytest.approx([1, 1, 2 / 3, 1 / 3])
    assert (report["right"], report["samples"]) == (9, 12)
    assert (report["sequences"], report["sequences_right"]) == (3, 1)
    assert report["worst"][0]["predicted"] == ["a", "b", "a", "b"]
    assert "of the steps" in str(report)


def test_labels_of_steps_that_the_model_does_not_know_are_named(tmp_path):
    x = np.zeros((3, 2, 2), np.float32)
    for strange, labels in (
        ({"z": 2, "y": 1}, [["a", "b"], ["z", "z"], ["b", "y"]]),
        ({"7": 1}, np.array([[0, 1], [1, 7], [1, 1]])),
    ):
        report = steps_model(tmp_path).report(x, labels=labels)
        assert report["unknown_labels"] == strange
        assert report["sequences"] == 3 - len(strange)
        assert all(f"{name} ({count})" in report.to_html() for name, count in strange.items())


def test_classes_that_the_model_does_not_know_are_left_out_and_named(open_model, pets):
    for number in range(2):
        write(pets / "bird" / f"{number}.png", RED, 50 + number)
    report = open_model("image_classifier").report(pets)
    assert report["samples"] == 12
    assert report["unknown_labels"] == {"bird": 2}
    assert "bird (2)" in report.to_html()


def test_a_class_with_one_image_and_one_whose_images_are_all_broken(open_model, pets):
    for path in list((pets / "绿").iterdir()):
        path.write_bytes(b"x")
    for number in range(1, 6):
        (pets / "red" / f"{number}.png").unlink()
    with pytest.raises(rt.InputError, match=r"0\.png"):
        open_model("image_classifier").report(pets)
    with pytest.warns(LeftOutWarning, match="6 inputs were left out"):
        report = open_model("image_classifier").report(pets, errors="skip")
    assert (report["samples"], len(report["left_out"])) == (1, 6)
    page = report.to_html()
    for text in (
        "Without a sample, so that nothing is known about them: 绿",
        "With a single sample",
        "Left out",
    ):
        assert text in page
    (pets / "red" / "0.png").write_bytes(b"x")
    with pytest.raises(rt.InputError, match="no sample is left: none of 7 can be read"):
        open_model("image_classifier").report(pets, errors="skip")


def broken_models(tmp_path):
    """Return what is wrong with data -> (model, data, labels, what the message says)."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "flat").mkdir()
    write(tmp_path / "flat" / "a.png", RED)
    write(tmp_path / "others" / "bird" / "a.png", RED)
    (tmp_path / "a.csv").write_text("length,宽\n1,2\n", encoding="utf-8")
    np.savez(tmp_path / "fewer.npz", data=np.ones((2, 2)), label=np.zeros(1))
    return {
        "empty": ("image_classifier", tmp_path / "empty", None, "expected images in this folder"),
        "flat": ("image_classifier", tmp_path / "flat", None, "subfolder of images for each class"),
        "others": (
            "image_classifier",
            tmp_path / "others",
            None,
            r"classes of the model \(red, 绿\), got bird",
        ),
        "missing": ("image_classifier", tmp_path / "none", None, "no such file"),
        "unlabelled": ("table", tmp_path / "a.csv", None, "column of labels"),
        "array": ("table", [[1, 2]], None, "arrays data and label|column of labels"),
        "too few": ("table", [[1, 2]], ["a", "b"], "one for each sample"),
        "kind": ("table", tmp_path / "flat", None, "folder"),
        "no list": ("table", [[1, 2]], "a", "expected a list or an array"),
        "texts": ("values", [[1, 2]], ["a"], "finite numbers"),
        "other count": ("values", [[1, 2]], [[1.0, 2.0]], r"\(samples, 3\), got"),
        "embedder": ("image_embedder", tmp_path / "flat", None, "Use embed"),
        "none": ("table", np.zeros((0, 2)), [], "at least one sample"),
        "fewer labels": ("table", tmp_path / "fewer.npz", None, "as many labels as samples, 2, got 1"),
        "no card": ("no_card", tmp_path / "flat", None, "card"),
    }


def test_what_cannot_be_reported_is_one_clear_error(open_model, tmp_path):
    for name, data, labels, message in broken_models(tmp_path).values():
        with pytest.raises(rt.OnnxnnError, match=message):
            open_model(name).report(data, labels=labels)


def test_the_same_errors_in_chinese(open_model, tmp_path, monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    for name, data, labels, _ in broken_models(tmp_path).values():
        with pytest.raises(rt.OnnxnnError) as error:
            open_model(name).report(data, labels=labels)
        assert any("一" <= each <= "龥" for each in error.value.text), error.value.text


def test_a_model_without_class_names(tmp_path):
    shape = ("batch", 2)
    card = rt.ModelCard("cls", (), rt.InputSpec("table", shape), rt.OutputSpec("classes", shape))
    made = graph([node("Softmax", ["input"], ["output"])], [value("input", shape)], [value("output", shape)])
    (tmp_path / "a.onnx").write_bytes(model(made, card))
    opened = rt.load(tmp_path / "a.onnx")
    assert opened.report([[1, 0], [0, 1]], labels=[0, 1])["accuracy"] == 1
    with pytest.raises(rt.DataError, match=r"0\.\.1"):
        opened.report([[1, 0]], labels=[7])
    with pytest.raises(rt.DataError, match="indices"):
        opened.report([[1, 0]], labels=["cat"])


def test_raw_scores_are_not_taken_for_probabilities(tmp_path):
    shape = ("batch", 2)
    output = rt.OutputSpec("classes", shape, ("a", "b"), scores="raw score")
    card = rt.ModelCard("cls", (), rt.InputSpec("table", shape), output)
    made = graph([node("Identity", ["input"], ["output"])], [value("input", shape)], [value("output", shape)])
    (tmp_path / "a.onnx").write_bytes(model(made, card))
    report = rt.load(tmp_path / "a.onnx").report([[7, 0], [0, 9]], labels=["a", "a"])
    assert (report["accuracy"], report["calibration"], report["probably_wrong_labels"]) == (0.5, None, None)
    page = report.to_html()
    assert "Can its scores be trusted" not in page
    assert "model: b, 9<" in page
    assert "a 7 or b 0<" in page


def test_equal_scores_of_a_binary_model_name_both_classes():
    card = rt.ModelCard(
        "cls",
        (),
        rt.InputSpec("table", ("batch", 1)),
        rt.OutputSpec("binary", ("batch", 1), ("dark", "bright")),
    )
    found = classified(Classified(["x"], np.array([0]), np.array([[0.5]], np.float32)), card)
    (each,) = found["least_certain"]
    assert (each["predicted"], each["second"], each["second_score"]) == ("bright", "dark", 0.5)


def test_images_are_not_kept(open_model, tmp_path):
    """Only those that the page shows stay, and they are small."""
    paths = []
    for number in range(200):
        path = tmp_path / "many" / ("red" if number % 2 else "绿") / f"{number}.jpg"
        write(path, RED if number % 2 else GREEN, number)
        paths.append(path)
    report = open_model("image_classifier").report(tmp_path / "many")
    assert report["samples"] == 200
    assert len(report._images) == 12
    assert len(report.to_html()) < 200_000


@posix
def test_a_folder_that_cannot_be_written(open_model, pets, tmp_path):
    report = open_model("image_classifier").report(pets)
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(rt.OutputError):
        report.save(tmp_path / "file" / "a.html")


def test_files_are_replaced_as_everywhere(open_model, pets, tmp_path):
    report = open_model("image_classifier").report(pets)
    for name in ("a.html", "a.json", "a.png"):
        report.save(tmp_path / name)
        assert report.save(tmp_path / name) == tmp_path / name
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "RGB"
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["right"] == 11
    with pytest.raises(rt.InputError, match=r"\.html, \.json or \.png"):
        report.save(tmp_path / "a.docx")
    shutil.copy(str(tmp_path / "a.png"), str(tmp_path / "b.html"))
    with pytest.raises(rt.OutputError, match="PNG"):
        report.save(tmp_path / "b.html")
    report.save(tmp_path / "b.html", force=True)
    with pytest.raises(rt.InputError, match="report on classes"):
        open_model("values").report([[1, 2]], labels=[[1, 2, 3]]).save(tmp_path / "c.png")
    assert not (tmp_path / "c.png").exists()
    photo = pets / "red" / "0.png"
    before = photo.read_bytes()
    with pytest.raises(rt.OutputError, match="which would be lost"):
        report.save(photo)
    assert photo.read_bytes() == before
