"""The calls of BaseNN's published scripts, with another import line, on small data of the same form."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from PIL import Image
from support.basenn_scripts import add_lenet, cal_accuracy, iris_network, lenet

from onnxnn import nn, pth_info

pytestmark = pytest.mark.needs_torch


def parts(data):
    """Tokens without the last of each row, and without the first, as the demo makes its labels."""
    return data[:, :-1], data[:, 1:]


class TestQuickStart:
    def test_iris(self, iris, capsys):
        model = iris_network()
        model.train(lr=0.01, epochs=200)
        model2 = nn("cls")
        test_path = "data/iris_test.csv"
        test_x = np.loadtxt(test_path, dtype=float, delimiter=",", skiprows=1, usecols=range(0, 4))
        test_y = np.loadtxt(test_path, dtype=float, delimiter=",", skiprows=1, usecols=4)
        res = model2.inference(test_x, checkpoint="checkpoints/iris_ckpt/basenn.pth")
        assert res.shape == (30, 3)
        assert cal_accuracy(test_y, res) > 0.95
        printed = model2.print_result(res)
        assert set(printed[0]) == {"预测值", "置信度"}
        assert "置信度" in capsys.readouterr().out
        res = model.inference(data=[test_x[0]], checkpoint="checkpoints/iris_ckpt/basenn.pth")
        assert len(model.print_result(res)) == 1

    def test_continuing(self, iris):
        model = iris_network()
        model.train(lr=0.01, epochs=2)
        history = model.train(lr=0.01, epochs=3, checkpoint="checkpoints/iris_ckpt/basenn.pth")
        assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]

    def test_house_prices(self, folder, draw):
        header = "NOX,RM,PTRATIO,LSTAT,PRICE"
        for name in ("train", "val"):
            x = draw.random((64, 4))
            rows = np.column_stack([x, x @ [0.1, 0.6, -0.2, -0.3] + 0.5])
            np.savetxt(f"house_price_data_norm_{name}.csv", rows, delimiter=",", header=header, comments="")
        model = nn("reg")
        model.set_seed(0)
        model.load_tab_data("house_price_data_norm_train.csv", batch_size=1024)
        model.add("Linear", size=(4, 64), activation="ReLU")
        model.add("Linear", size=(64, 4), activation="ReLU")
        model.add("Linear", size=(4, 1))
        model.add(optimizer="Adam")
        model.save_fold = "checkpoints/ckpt"
        model.train(lr=0.008, epochs=300, loss="MSELoss")
        val_path = "house_price_data_norm_val.csv"
        val_x = np.loadtxt(val_path, dtype=float, delimiter=",", skiprows=1, usecols=range(0, 4))
        val_y = np.loadtxt(val_path, dtype=float, delimiter=",", skiprows=1, usecols=4)
        model = nn("reg")
        y_pred = model.inference(val_x, checkpoint="checkpoints/ckpt/basenn.pth")
        assert y_pred.shape == (64, 1)
        assert np.abs(y_pred[:, 0] - val_y).mean() < 0.05
        assert isinstance(float(model.inference([[0.4, 0.5, 0.2, 0.2]])[0][0]), float)

    def test_poems_with_marks(self, poems):
        with np.load("tangccc.npz") as arrays:
            word2idx = json.loads(str(arrays["word2idx"]))
            data = arrays["data"]
        word2idx |= {mark: len(word2idx) + i for i, mark in enumerate(["<START>", "<EOP>", "</s>"])}
        start, end, pad = (np.full((len(data), 1), word2idx[mark]) for mark in ("<START>", "<EOP>", "</s>"))
        model = nn("cls")
        model.load_dataset(*parts(np.hstack([pad, start, data, end])), word2idx=word2idx)
        model.add("em_LSTM", size=(16, 32), num_layers=1)
        model.train(lr=0.02, epochs=20)
        model = nn("cls")
        output, hidden = model.inference(data="<START>", checkpoint="checkpoints/basenn.pth")
        seen = []
        for _ in range(20):
            w = model.ix2word[np.argmax(output)]
            seen.append(w)
            output, hidden = model.inference(data=w, hidden=hidden)
        for w in ("<EOP>", "</s>"):
            output, hidden = model.inference(data=w, hidden=hidden)
        assert "<EOP>" in seen
        model.convert(out_file="poems.onnx")
        written = rt.load("poems.onnx").generate("<START>", length=21, temperature=0)
        assert written == model.generate("<START>", length=21, temperature=0) == "".join(["<START>", *seen])

    def test_poems(self, poems):
        model = nn("cls")
        model.load_npz_data("tangccc.npz")
        model.add("em_lstm", size=(128, 256), num_layers=2)
        model.save_fold = "checkpoints"
        model.train(lr=0.005, epochs=1, batch_size=16)
        model.train(lr=0.005, epochs=1, batch_size=16, checkpoint="checkpoints/basenn.pth")
        model = nn("cls")
        result = model.inference(data="长", checkpoint="checkpoints/basenn.pth")
        output, hidden = result
        assert output.sum() == pytest.approx(1, abs=1e-5)
        index = np.argmax(output)
        assert model.ix2word[index] == model.idx2word[index]
        output, hidden = model.inference(data=model.ix2word[index], hidden=hidden)
        assert output.shape == (len(model.word2idx),)


class TestIntroduction:
    def test_lenet_from_class_folders(self, digits):
        classes = [str(number) for number in range(10)]
        for checkpoint in (None, "new_mn_ckpt/basenn.pth"):
            model = lenet()
            model.load_img_data("./mnist/training_set", color="grayscale", batch_size=32, classes=classes)
            add_lenet(model)
            model.save_fold = "new_mn_ckpt"
            model.train(lr=0.01, epochs=2, checkpoint=checkpoint)
        model = nn("cls")
        model.inference(data="mnist/val_set/7/0.png", checkpoint="new_mn_ckpt/basenn.pth")
        assert model.print_result()[0]["预测值"] in classes
        assert model.inference(data="mnist/val_set/7").shape == (2, 10)
        assert len(model.print_result()) == 2

    def test_lenet_from_arrays(self, digits):
        def read_data(path):
            data, label = [], []
            for item in os.listdir(path):
                for i in os.listdir(os.path.join(path, item)):
                    with Image.open(os.path.join(path, item, i)) as img:
                        data.append(np.array(img.convert("L")))
                    label.append(int(item))
            return np.expand_dims(np.array(data), axis=1), np.array(label)

        train_x, train_y = read_data("mnist/training_set")
        assert train_x.shape == (40, 1, 28, 28)
        assert train_x.dtype == np.uint8
        model = lenet()
        model.load_dataset(train_x, train_y)
        add_lenet(model)
        model.train(lr=0.05, epochs=2)
        test_x, _ = read_data("mnist/val_set")
        assert model.inference(test_x).shape == (20, 10)
        assert np.allclose(model.inference(test_x[:1]), model.inference(test_x)[:1], atol=1e-6)

    def test_lenet_from_float_arrays(self, draw, capsys):
        labels = np.arange(20) % 2
        x = np.clip(draw.random((20, 1, 28, 28)) * 0.3 + labels[:, None, None, None] * 0.6, 0, 1)
        model = lenet()
        model.load_dataset(x, labels)
        add_lenet(model)
        model.train(lr=0.05, epochs=20)
        model.convert(checkpoint="checkpoints/basenn.pth", out_file="lenet.onnx")
        expected = model.inference(x[:1])[0]
        capsys.readouterr()
        runpy.run_path("lenet.py")
        label, score = capsys.readouterr().out.split()
        assert label == str(expected.argmax())
        assert float(score) == pytest.approx(expected.max(), abs=1e-3)  # the image has 8 bits

    @pytest.mark.parametrize("classes", [["cat", "dog"], {0: "cat", 1: "dog"}, {"cat": 0, "dog": 1}])
    def test_classes_in_three_forms(self, pets, classes):
        model = nn("cls")
        transform = {"Resize": (128, 128), "RandomResizedCrop": 32, "RandomHorizontalFlip": 0.5}
        model.load_img_data("CatsDogs/training_set", transform=transform, classes=classes, batch_model=True)
        model.add("linear", size=(3 * 32 * 32, 2), activation="softmax")
        model.train(lr=0.01, epochs=1)
        model.inference("CatsDogs/dog1.jpg")
        assert model.print_result()[0]["预测值"] in ("cat", "dog")

    def test_training_in_a_loop_and_copying_files(self, iris):
        model = nn("cls")
        model.add(layer="Linear", size=(4, 8), activation="ReLU")
        model.add(layer="Linear", size=(8, 3), activation="Softmax")
        model.load_tab_data("data/iris_training.csv", batch_size=120)
        model.save_fold = "checkpoints"
        model.train(lr=0.01, epochs=1)
        shutil.copyfile("checkpoints/basenn.pth", "checkpoints/epoch1.pth")
        for i in range(2, 6, 1):
            model.train(lr=0.01, epochs=1, checkpoint="checkpoints/basenn.pth")
            shutil.copyfile("checkpoints/basenn.pth", "checkpoints/epoch" + str(i) + ".pth")
        losses = []
        for i in range(1, 6):
            network = nn("cls")
            network.load(f"checkpoints/epoch{i}.pth")
            losses.append(network.evaluate("data/iris_training.csv")["loss"])
            assert pth_info(f"checkpoints/epoch{i}.pth")["epoch"] == i
        assert losses == sorted(losses, reverse=True)

    @pytest.mark.parametrize("label", [True, False])
    def test_a_table_with_and_without_labels(self, iris, label):
        iris_network().train(lr=0.01, epochs=1)
        if not label:
            rows = np.loadtxt("data/iris_test.csv", delimiter=",", skiprows=1)[:, :4]
            header = "sepal_length,sepal_width,petal_length,petal_width"
            np.savetxt("data/iris_test.csv", rows, delimiter=",", header=header, comments="")
        model = nn("cls")
        res = model.inference(
            "data/iris_test.csv", checkpoint="checkpoints/iris_ckpt/basenn.pth", label=label
        )
        assert res.shape == (30, 3)

    def test_batches(self, iris):
        model = nn("cls")
        train, validation = model.load_tab_data("data/iris_training.csv", batch_size=16, train_val_ratio=0.8)
        model.add(layer="linear", size=(4, 3), activation="softmax")
        model.train(lr=0.05, epochs=60, metrics=["acc"])
        res = model.inference(data=validation, checkpoint="checkpoints/basenn.pth")
        assert res.shape == (24, 3)
        assert cal_accuracy(model.val_label, res) > 0.9
        assert len(model.inference(data=train)) == len(model.val_label) == 96

    def test_a_data_loader_of_torch(self, iris, draw):
        iris_network().train(lr=0.01, epochs=100)
        x = np.loadtxt("data/iris_test.csv", delimiter=",", skiprows=1)
        data = torch.utils.data.TensorDataset(torch.from_numpy(x[:, :4]), torch.from_numpy(x[:, 4]))
        loader = torch.utils.data.DataLoader(data, batch_size=7, shuffle=True)
        model = nn("cls")
        res = model.inference(loader, checkpoint="checkpoints/iris_ckpt/basenn.pth")
        assert cal_accuracy(model.val_label, res) == model.evaluate(loader)["acc"] > 0.9
        inputs_alone = torch.utils.data.DataLoader(torch.from_numpy(x[:, :4]), batch_size=7)
        assert model.inference(inputs_alone).shape == (30, 3)
        assert model.val_label is None

    def test_convert_writes_a_script_that_runs(self, digits):
        model = lenet()
        model.load_img_data("mnist/training_set", color="grayscale", batch_size=32)
        add_lenet(model)
        model.train(lr=0.01, epochs=1, filename="basenn_cd.pth")
        nn().convert(checkpoint="checkpoints/basenn_cd.pth", out_file="basenn_cd.onnx")
        done = subprocess.run(
            [sys.executable, "basenn_cd.py"], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout
