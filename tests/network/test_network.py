"""The public class on real files: lessons from data to file."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import (
    DataError,
)
from PIL import Image
from support.iris import iris_model
from support.prepared import run_python

from onnxnn import nn
from onnxnn.checkpoint import checkpoint


def test_the_iris_lesson(iris, tmp_path, capsys):
    model = iris_model(iris, tmp_path)
    history = model.train(lr=0.01, epochs=300, metrics=["acc"])
    assert history[-1]["acc"] >= 0.95
    result = nn(verbose=0).inference(
        data=str(iris / "test.csv"), label=True, checkpoint=tmp_path / "basenn.pth"
    )
    assert result.shape == (30, 3)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.sum(1), 1, rtol=1e-5)
    truth = np.loadtxt(iris / "test.csv", delimiter=",", skiprows=1)[:, -1]
    assert (result.argmax(1) == truth).mean() >= 0.95
    assert model.evaluate(str(iris / "test.csv"))["acc"] == pytest.approx((result.argmax(1) == truth).mean())
    capsys.readouterr()
    row = model.inference([[5.1, 3.5, 1.4, 0.2]])
    named = model.print_result()
    assert named == {0: {"预测值": 0, "置信度": pytest.approx(float(row[0, 0]))}}
    assert capsys.readouterr().out == f"{named}\n"


def test_a_fresh_process_needs_the_checkpoint_only(iris, tmp_path):
    model = iris_model(iris, tmp_path)
    model.train(lr=0.01, epochs=2)
    expected = model.inference([[5.1, 3.5, 1.4, 0.2]])
    script = (
        "import sys, numpy as np\nfrom onnxnn import nn\n"
        "model = nn()\n"
        "result = model.inference(data=[[5.1, 3.5, 1.4, 0.2]], checkpoint='basenn.pth')\n"
        "model.convert(checkpoint='basenn.pth', out_file='iris.onnx', opset_version=12)\n"
        "np.save('result.npy', result)\n"
    )
    run_python(["-c", script], tmp_path).check_returncode()
    np.testing.assert_array_equal(np.load(tmp_path / "result.npy"), expected)
    without_torch = rt.load(tmp_path / "iris.onnx").infer(np.float32([[5.1, 3.5, 1.4, 0.2]]))
    np.testing.assert_allclose(without_torch, expected, atol=1e-5)
    run_python(["iris.py"], tmp_path).check_returncode()


def test_images_from_folder_to_file(class_folders, tmp_path):
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.set_seed(0)
    loaded = model.load_img_data(
        str(class_folders),
        batch_size=4,
        color="grayscale",
        transform={"Resize": (12, 12)},
        train_val_ratio=0.75,
    )
    assert [part.num_samples for part in loaded] == [12, 4]
    assert model.color == "grayscale"
    model.add("Conv2D", size=(1, 4), kernel_size=(3, 3), activation="ReLU")
    model.add("MaxPool", kernel_size=(2, 2))
    model.add("Linear", size=(100, 2), activation="Softmax")
    model.add(optimizer="Adam")
    history = model.train(lr=0.02, epochs=15, metrics=["acc"])
    assert history[-1]["val_acc"] == 1.0
    one = model.inference(str(class_folders / "dark" / "3.png"))
    folder = model.inference(str(class_folders / "dark"))
    np.testing.assert_allclose(folder[3], one[0], atol=1e-6)
    assert model.evaluate(str(class_folders))["acc"] == 1.0
    assert model.print_result(one)[0]["预测值"] == "dark"
    array = np.asarray(Image.open(class_folders / "dark" / "3.png"))
    np.testing.assert_allclose(model.inference(array), one, atol=1e-6)
    ready = np.random.default_rng(0).random((3, 1, 12, 12), dtype=np.float32)
    expected = model.model(torch.from_numpy(ready)).detach().numpy()
    np.testing.assert_allclose(model.inference(ready), expected, atol=1e-6)
    model.export(tmp_path / "images.onnx")
    np.testing.assert_allclose(
        rt.load(tmp_path / "images.onnx").predict(array)[0].score, one.max(), atol=1e-5
    )


def test_inference_leaves_the_networks_mode(iris, tmp_path):
    model = iris_model(iris, tmp_path)
    model.model.train()
    model.inference([[5.1, 3.5, 1.4, 0.2]])
    assert model.model.training


def test_names_count_every_call_of_add():
    model = nn(verbose=0)
    model.add("linear", size=(4, 5), activation="relu")
    model.add(optimizer="SGD")
    model.add(activation="tanh")
    model.add("Linear", size=(5, 2))
    model.add(activation="softmax")
    names = [name for name, _ in model.model.named_children()]
    assert names == ["linear1", "relu1", "tanh3", "linear4", "softmax5"]


def test_add_prints_one_line_unless_silent(capsys):
    for verbose in (1, 0):
        model = nn(verbose=verbose)
        model.load_dataset(np.zeros((120, 4)), np.arange(120) % 3)
        model.add("linear", size=(4, 10), activation="relu")
    assert capsys.readouterr().out == "linear1: size=(4, 10), relu -> [120, 10]\n"


def test_the_seeds_typo_is_understood():
    model = nn(verbose=0)
    with pytest.warns(UserWarning, match="optimmizer"):
        model.add(optimmizer="sgd")
    assert model.optimizer == "SGD"


def test_summary_shows_what_the_lesson_comments(iris, tmp_path, capsys):
    text = iris_model(iris, tmp_path).summary()
    assert "[120, 10]" in text
    assert text in capsys.readouterr().out


def test_a_classifier_takes_its_size_from_the_data():
    model = nn(verbose=0)
    model.load_dataset(np.zeros((6, 3, 32, 32), np.float32), np.arange(6) % 3)
    model.add("MobileNet", width=0.1)
    assert model.inference(np.zeros((1, 3, 32, 32), np.float32)).shape == (1, 3)


@pytest.mark.parametrize(("units", "classes"), [(3, ("1", "2", "3")), (4, ("0", "1", "2", "3"))])
def test_labels_take_the_outputs_of_their_own_numbers_where_there_are_so_many(tmp_path, units, classes):
    y = np.array([1, 2, 3] * 8)
    x = np.eye(3, dtype=np.float32)[y - 1]
    model = nn("cls", verbose=0, save_fold=str(tmp_path))
    model.set_seed(0)
    with pytest.warns(UserWarning, match="became classes 0 to 2"):
        model.load_dataset(x, y)
    model.add("linear", size=(3, units), activation="softmax")
    model.train(lr=0.3, epochs=40, metrics=["acc"])
    for _ in range(2):  # also after more training
        assert model.card().output.classes == classes
        assert model.evaluate((x, y))["acc"] == 1
        assert (model.inference(x).argmax(1) == y - (units == 3)).all()
        assert [each["预测值"] for each in model.print_result(model.inference(x)).values()] == y.tolist()
        model.train(epochs=1, checkpoint=tmp_path / "basenn.pth")


def test_grey_images_in_one_array_are_read_as_in_training(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (6, 8, 7), dtype=np.uint8)
    model = nn("cls", verbose=0)
    model.load_dataset(x, [0, 1] * 3)
    model.add("linear", size=2, activation="softmax")
    found = model.inference(x)
    np.testing.assert_allclose(found, np.concatenate([model.inference(each) for each in x]), atol=1e-6)
    model.export(tmp_path / "grey.onnx")
    scores = [each.scores for each in rt.load(tmp_path / "grey.onnx").predict(x)]
    np.testing.assert_allclose(scores, found, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_tensors_with_gradients_are_read_everywhere(tmp_path, dtype):
    x = torch.rand(6, 4).to(dtype).requires_grad_()
    model = nn("cls", verbose=0)
    model.load_dataset(x, torch.tensor([0.0, 1.0] * 3, requires_grad=True))
    model.add("linear", size=(4, 3), activation="relu")
    model.add("linear", size=(3, 2), activation="softmax")
    plain = x.detach().float().numpy()
    found = model.inference(plain)
    assert np.array_equal(model.inference(x), found)
    assert model.extract_feature(x).shape == (6, 3)
    assert len(model.print_result(torch.from_numpy(found).requires_grad_())) == 6
    model.export(tmp_path / "a.onnx")
    exported = rt.load(tmp_path / "a.onnx")
    assert np.array_equal(exported.infer(x), exported.infer(plain))
    assert len(exported.predict(x)) == len(exported.embed(x)) == 6


def test_a_binary_classifier_with_one_unit(tmp_path, capsys):
    x = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)
    y = np.where(x[:, 0] > 0, "yes", "no")
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.set_seed(0)
    model.load_dataset(x, y, batch_size=10)
    model.add("linear", size=(2, 1), activation="sigmoid")
    history = model.train(lr=0.1, epochs=30, metrics=["acc", "f1"], loss="binary_crossentropy")
    assert history[-1]["acc"] > 0.95
    result = model.inference(x[:5])
    named = model.print_result()
    assert [named[i]["预测值"] for i in range(5)] == y[:5].tolist()
    assert [named[i]["置信度"] for i in range(5)] == pytest.approx(
        np.maximum(result, 1 - result)[:, 0].tolist()
    )
    assert model.card().output.kind == "binary"


@pytest.mark.parametrize("shape", [(40,), (40, 1)])
def test_regression_in_either_form(tmp_path, shape):
    x = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
    model = nn("reg", save_fold=str(tmp_path), verbose=0)
    model.set_seed(0)
    model.load_dataset(x, (x @ [1.0, -2.0, 0.5] + 3).reshape(shape))
    model.add("linear", size=(3, 1))
    history = model.train(lr=0.1, epochs=300, loss="MSELoss", metrics=["mae", "mse"])
    assert history[-1]["mae"] < 0.01
    assert history[-1]["mse"] == pytest.approx(history[-1]["loss"], rel=1e-4)
    assert model.inference([[1.0, 1.0, 2.0]])[0, 0] == pytest.approx(3.0, abs=0.05)
    assert model.print_result()[0] == {"预测值": pytest.approx(3.0, abs=0.05)}


def test_one_hot_labels_through_a_mean_squared_error(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = (np.eye(3)[y] * 3 + rng.standard_normal((60, 3))).astype(np.float32)
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.load_dataset(x, np.eye(3)[y], classes=["a", "b", "c"])
    model.add("linear", size=(3, 3), activation="softmax")
    assert model.train(lr=0.1, epochs=100, loss="MSELoss", metrics=["acc"])[-1]["acc"] > 0.9


@pytest.mark.parametrize("loss", [None, "ArcFace"])
def test_an_embedding_brings_classes_together(tmp_path, loss):
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = (np.eye(3, 8)[y] + 0.8 * rng.standard_normal((90, 8))).astype(np.float32)
    model = nn("embed", save_fold=str(tmp_path), verbose=0)
    model.set_seed(0)
    model.load_dataset(x, y, batch_size=30)
    model.add("linear", size=(8, 16), activation="relu")
    model.add("linear", size=(16, 4))
    history = model.train(lr=0.01, epochs=40, loss=loss, metrics=["acc"])
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert history[-1]["acc"] > 0.85
    assert sorted(checkpoint.load(tmp_path / "basenn.pth").state_dict) == [
        "linear1.bias", "linear1.weight", "linear2.bias", "linear2.weight"
    ]  # fmt: skip
    again = model.train(resume=tmp_path / "basenn.pth")
    assert len(again) == 40
    model.export(tmp_path / "embed.onnx")
    vectors = rt.load(tmp_path / "embed.onnx").embed(x)
    np.testing.assert_allclose(vectors, model.inference(x), atol=1e-5)


def test_an_encoder_of_the_lessons_gives_vectors(tmp_path):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(np.random.default_rng(0).random((4, 3, 32, 32), dtype=np.float32), [0, 1, 0, 1])
    model.add("mobilenet_backbone", width=0.1)
    model.add("Linear", size=(1280, 1000), activation="relu")
    model.train(lr=1e-3, epochs=1)
    assert model.inference(np.zeros((50, 41, 3), np.uint8)).shape == (1, 1000)
    assert model.card().output.kind == "embedding"


def test_evaluation_takes_arrays_and_what_was_held_back(iris, tmp_path):
    model = iris_model(iris, tmp_path, train_val_ratio=0.8)
    history = model.train(lr=0.01, epochs=3, metrics=["acc"])
    assert model.evaluate()["loss"] == pytest.approx(history[-1]["val_loss"])
    x = np.loadtxt(iris / "test.csv", delimiter=",", skiprows=1)
    found = model.evaluate((x[:, :-1], x[:, -1].astype(int).astype(str)), metrics="f1")
    assert set(found) == {"loss", "f1"}
    with pytest.raises(DataError, match="there is no validation data"):
        iris_model(iris, tmp_path).evaluate()
    with pytest.raises(DataError, match=r"expected \(x, y\), a path"):
        model.evaluate(7)


def test_inference_takes_basenns_arguments_in_its_order():
    names = list(inspect.signature(nn.inference).parameters)
    basenns = ["data", "show", "checkpoint", "hidden", "label", "num", "return_all_timesteps"]
    assert names[1 : 1 + len(basenns)] == basenns


def test_training_in_a_folder_of_chinese_name(iris, tmp_path):
    folder = Path(tmp_path, "模型")
    iris_model(iris, folder).train(lr=0.01, epochs=1)
    assert sorted(os.listdir(folder)) == ["basenn.csv", "basenn.pth"]


def test_a_softmax_with_a_spare_class_still_classifies(tmp_path):
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.load_dataset(np.array([[0.0], [1.0]] * 4, np.float32), [0, 1] * 4, classes=["low", "high"])
    model.add("linear", size=(1, 3), activation="softmax")
    model.train(lr=0.1, epochs=60)
    model.export(tmp_path / "spare.onnx")
    found = rt.load(tmp_path / "spare.onnx", device="cpu").predict([[0.0], [1.0]])
    assert [each.label for each in found] == ["low", "high"]
