"""BaseNN's checkpoints become ours; they are opened only on request, in another process."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import CheckpointError, MissingCheckpointError, OutputError
from PIL import Image
from support.paths import TESTS
from torch import nn as modules

from onnxnn import basenn, nn
from onnxnn.basenn import child, convert

pytestmark = pytest.mark.needs_torch

FAKE = TESTS / "basenn" / "fake"


@pytest.fixture
def fake(monkeypatch):
    """The package that stands in for BaseNN. What the child process does is done here, which is faster."""

    def run(checkpoint, folder):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            return child.main(checkpoint, folder), said.getvalue()

    monkeypatch.syspath_prepend(str(FAKE))
    monkeypatch.setattr(convert, "run_child", run)
    yield importlib.import_module("BaseNN.BaseNN")
    for name in [n for n in sys.modules if n.split(".")[0] in ("BaseNN", "torchvision")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def fake_in_a_child(monkeypatch):
    """The package that stands in for BaseNN, here and in the child process."""
    monkeypatch.syspath_prepend(str(FAKE))
    monkeypatch.syspath_prepend(str(FAKE))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FAKE), os.environ.get("PYTHONPATH", "")]))
    yield importlib.import_module("BaseNN.BaseNN")
    for name in [n for n in sys.modules if n.split(".")[0] in ("BaseNN", "torchvision")]:
        monkeypatch.delitem(sys.modules, name)


def sequential(**children):
    return modules.Sequential(OrderedDict(children)).eval()


def write(path, module, **meta):
    """Write a checkpoint as BaseNN's `train` does; return its path."""
    meta = {
        "tool": "BaseNN",
        "backbone": module,
        "dataset_size": 6,
        "learning_rate": 0.01,
        "epoch": 3,
        **meta,
    }
    torch.save({"meta": meta, "state_dict": module, "para": {"rnn": False, "diffusion": False}}, path)
    return path


def converted(path):
    basenn.import_checkpoint(path, path.with_name("new.pth"), trust_pickle=True)
    network = nn(verbose=0)
    network.load(path.with_name("new.pth"))
    return network


def test_a_table_network(fake, tmp_path):
    old = sequential(
        reshape=fake.Reshape(None),
        linear1=modules.Linear(4, 10),
        relu1=modules.ReLU(),
        linear2=modules.Linear(10, 5),
        leakyrelu2=modules.LeakyReLU(0.2),
        linear3=modules.Linear(5, 3),
        softmax3=modules.Softmax(dim=1),
    )
    size = np.array([1, 4])
    path = write(
        tmp_path / "old.pth", old, dataset_type="tab", input_size=size, CLASSES={"甲": 0, "乙": 1, "丙": 2}
    )
    network = converted(path)
    rows = np.random.default_rng(0).random((5, 4), np.float32)
    assert np.abs(network.inference(rows) - old(torch.from_numpy(rows)).detach().numpy()).max() < 1e-6
    assert network.task == "cls"
    assert network.card().output.classes == ("甲", "乙", "丙")
    assert [entry["activation"] for entry in network.card().network] == ["relu", "leakyrelu", "softmax"]
    assert network.export(tmp_path / "new.onnx").parity["absolute"] < 1e-5


@pytest.mark.parametrize(
    ("language", "note"), [("en", "from a BaseNN checkpoint"), ("zh", "BaseNN 的检查点")]
)
def test_the_note_is_in_the_language_of_the_user(fake, tmp_path, monkeypatch, language, note):
    monkeypatch.setenv("ONNXNN_LANG", language)
    old = sequential(linear1=modules.Linear(4, 1))
    network = converted(write(tmp_path / "old.pth", old, dataset_type="tab", input_size=np.array([1, 4])))
    assert note in network.card().note


def test_the_child_process(fake_in_a_child, tmp_path):
    old = sequential(reshape=fake_in_a_child.Reshape(None), linear1=modules.Linear(4, 2))
    network = converted(write(tmp_path / "old.pth", old, dataset_type="tab", input_size=np.array([1, 4])))
    rows = np.ones((2, 4), np.float32)
    assert np.abs(network.inference(rows) - old(torch.from_numpy(rows)).detach().numpy()).max() < 1e-6


def test_a_pickle_that_runs_something_runs_in_the_child_only(fake_in_a_child, tmp_path):
    torch.save({"meta": {}, "state_dict": Runs(tmp_path / "ran")}, tmp_path / "old.pth")
    with pytest.raises(CheckpointError, match="expected a BaseNN checkpoint, got one that cannot be opened"):
        basenn.import_checkpoint(tmp_path / "old.pth", tmp_path / "new.pth", trust_pickle=True)
    assert (tmp_path / "ran").exists()  # that is what trusting a pickle means
    assert not (tmp_path / "new.pth").exists()


def test_a_regression(fake, tmp_path):
    old = sequential(reshape=fake.Reshape(None), linear1=modules.Linear(4, 1))
    network = converted(write(tmp_path / "old.pth", old, dataset_type="tab", input_size=np.array([1, 4])))
    assert network.task == "reg"


@pytest.mark.parametrize("color", ["RGB", "grayscale"])
def test_images_are_read_in_rgb(fake, tmp_path, color):
    transforms = importlib.import_module("torchvision.transforms.transforms")
    channels = 3 if color == "RGB" else 1
    old = sequential(
        conv2d1=modules.Conv2d(channels, 6, (5, 5)),
        relu1=modules.ReLU(),
        maxpooling2=modules.MaxPool2d((2, 2)),
        conv2d3=modules.Conv2d(6, 8, (3, 3), stride=2, padding=1),
        avgpooling4=modules.AvgPool2d((2, 2)),
        dropout5=modules.Dropout(0.3),
        reshape=fake.Reshape(None),
        linear6=modules.Linear(72, 2),
        softmax6=modules.Softmax(dim=1),
    )
    steps = [transforms.Resize(size=(28, 28)), transforms.RandomHorizontalFlip(p=0.5)]
    path = write(
        tmp_path / "old.pth",
        old,
        dataset_type="img",
        input_size=np.array([1, channels, 28, 28]),
        color=color,
        transform=transforms.Compose(steps),
        CLASSES=["猫", "狗"],
    )
    network = converted(path)
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    image.save(tmp_path / "cat.png")
    as_old = pixels[..., ::-1] if color == "RGB" else np.asarray(image.convert("L"))[..., np.newaxis]
    x = torch.from_numpy(np.moveaxis(as_old, -1, 0)[np.newaxis] / np.float32(255))
    assert np.abs(network.inference(str(tmp_path / "cat.png")) - old(x).detach().numpy()).max() < 1e-6
    assert network.card().input.preprocess.steps == (("resize", 28, 28),)
    assert network.print_result()[0]["预测值"] in ("猫", "狗")


def test_a_linear_on_coloured_images(fake, tmp_path):
    old = sequential(
        reshape=fake.Reshape(None), linear1=modules.Linear(48, 2), softmax1=modules.Softmax(dim=1)
    )
    size = np.array([1, 3, 4, 4])
    network = converted(write(tmp_path / "old.pth", old, dataset_type="img", input_size=size, color="RGB"))
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    x = torch.from_numpy(np.moveaxis(pixels[..., ::-1], -1, 0)[np.newaxis] / np.float32(255))
    assert np.abs(network.inference(pixels) - old(x).detach().numpy()).max() < 1e-6


def test_normalisation_is_turned_around_with_the_channels(fake, tmp_path):
    transforms = importlib.import_module("torchvision.transforms.transforms")
    old = sequential(reshape=fake.Reshape(None), linear1=modules.Linear(48, 2))
    step = transforms.Normalize(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    size = np.array([1, 3, 4, 4])
    path = write(tmp_path / "old.pth", old, dataset_type="img", input_size=size, color="RGB", transform=step)
    first = converted(path).card().network[0]
    assert first["options"] == {"mean": [0.3, 0.2, 0.1], "std": [0.7, 0.6, 0.5]}


def test_residual_blocks(fake, tmp_path):
    old = sequential(
        conv2d1=modules.Conv2d(3, 8, 3, padding=1),
        batchnorm2d2=modules.BatchNorm2d(8),
        res_stage3=fake.ResNet(8, 16, 2, 2),
        avgpooling4=modules.AvgPool2d((4, 4)),
        reshape=fake.Reshape(None),
        linear5=modules.Linear(16, 2),
    )
    old[1].running_mean += 0.1
    size = np.array([1, 3, 8, 8])
    network = converted(write(tmp_path / "old.pth", old, dataset_type="img", input_size=size, color="RGB"))
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    x = torch.from_numpy(np.moveaxis(pixels[..., ::-1], -1, 0)[np.newaxis] / np.float32(255))
    assert np.abs(network.inference(pixels) - old(x).detach().numpy()).max() < 1e-6


@pytest.mark.parametrize("form", ["short", "long"])
def test_actions(fake, tmp_path, form):
    recurrent = {"lstm1": modules.LSTM(6, 8, batch_first=True), "part01": fake.Part0()}
    if form == "short":
        between = {"dim21": fake.dim2()}
    else:
        between = {
            "dropout2": modules.Dropout(0.2),
            "unsqueeze": fake.Unsqueeze(),
            "lstm4": modules.LSTM(8, 8, batch_first=True),
            "part04": fake.Part0(),
            "squeeze": fake.Squeeze(),
        }
    after = {
        "batchnorm1d6": modules.BatchNorm1d(8),
        "reshape": fake.Reshape(None),
        "linear7": modules.Linear(8, 3),
        "softmax8": modules.Softmax(dim=1),
    }
    old = sequential(**recurrent, **between, **after)
    path = write(
        tmp_path / "old.pth", old, dataset_type="npz", input_size=np.array([1, 5, 6]), CLASSES=["a", "b", "c"]
    )
    poses = np.random.default_rng(0).random((4, 5, 6), np.float32)
    found = converted(path).inference(poses)
    assert np.abs(found - old(torch.from_numpy(poses)).detach().numpy()).max() < 1e-6


def test_a_poem_writer(fake, tmp_path):
    words = {character: number for number, character in enumerate("床前明月光")}
    old = fake.lstm(5, 4, 8, 2).eval()
    meta = {"tool": "BaseNN", "backbone": old, "word2idx": words, "input_size": None, "dataset_type": "other"}
    torch.save({"meta": meta, "state_dict": old.state_dict(), "para": {"rnn": True}}, tmp_path / "old.pth")
    network = converted(tmp_path / "old.pth")
    probabilities, _ = network.inference("床")
    expected = torch.softmax(old(torch.tensor([[0]])), -1).detach().numpy().ravel()
    assert np.abs(np.ravel(probabilities) - expected).max() < 1e-6
    assert network.word2idx == words


def test_the_size_can_be_given_where_the_checkpoint_has_none(fake, tmp_path):
    old = sequential(
        conv2d1=modules.Conv2d(1, 2, 3), reshape=fake.Reshape(None), linear2=modules.Linear(72, 2)
    )
    path = write(tmp_path / "old.pth", old, dataset_type="other", input_size=None)
    done = basenn.import_checkpoint(path, tmp_path / "new.pth", trust_pickle=True)
    assert done.card.input.shape == ("batch", 1, 8, 8)  # the square image of this size
    done = basenn.import_checkpoint(path, tmp_path / "new.pth", trust_pickle=True, input_size=(1, 5, 14))
    assert done.card.input.shape == ("batch", 1, 5, 14)


class Runs:
    """A pickle of it writes a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "it ran")


def test_nothing_is_opened_without_trust(tmp_path):
    torch.save({"meta": {}, "state_dict": Runs(tmp_path / "ran")}, tmp_path / "old.pth")
    with pytest.raises(CheckpointError, match="a pickle, and opening one runs whatever program"):
        basenn.import_checkpoint(tmp_path / "old.pth", tmp_path / "new.pth")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "new.pth").exists()


def test_what_cannot_be_converted_is_said(fake, tmp_path):
    path = write(
        tmp_path / "old.pth", sequential(Mystery1=fake.Mystery()), dataset_type="tab", input_size=None
    )
    with pytest.raises(CheckpointError, match=r"'Mystery1': expected a module .*, got Mystery"):
        basenn.import_checkpoint(path, tmp_path / "new.pth", trust_pickle=True)
    assert not (tmp_path / "new.pth").exists()


def test_without_basenn_it_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "BaseNN.py").write_text("raise ImportError('no cv2 here')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "old.pth").write_bytes(b"\x80\x02anything")
    with pytest.raises(CheckpointError, match=r"no cv2 here.*pip install BaseNN"):
        basenn.import_checkpoint(tmp_path / "old.pth", tmp_path / "new.pth", trust_pickle=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a checkpoint of BaseNN 2.0, got an empty file"),
        (b"no pickle at all", "expected a checkpoint of BaseNN 2.0, got a text file"),
        (b"\x80\x02no pickle at all", "expected a BaseNN checkpoint, got one that cannot be opened"),
    ],
)
def test_a_foreign_file(fake, tmp_path, content, message):
    (tmp_path / "old.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        basenn.import_checkpoint(tmp_path / "old.pth", tmp_path / "new.pth", trust_pickle=True)


def test_a_checkpoint_of_ours_needs_no_converting(tmp_path):
    model = nn(verbose=0)
    model.load_dataset([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    model.add("linear", size=(2, 2))
    model.save(tmp_path / "ours.pth")
    with pytest.raises(CheckpointError, match=r"ours.pth: expected a BaseNN checkpoint, got one of onnxnn"):
        basenn.import_checkpoint(tmp_path / "ours.pth", tmp_path / "new.pth")


def test_the_old_checkpoint_is_never_replaced(fake, tmp_path):
    path = write(tmp_path / "old.pth", sequential(linear1=modules.Linear(4, 2)), input_size=[1, 4])
    before = path.read_bytes()
    with pytest.raises(OutputError, match="expected another file than the one that is read"):
        basenn.import_checkpoint(path, tmp_path / "." / "old.pth", trust_pickle=True)
    assert path.read_bytes() == before


def test_a_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"got a folder. Give a checkpoint in it"):
        basenn.import_checkpoint(tmp_path, tmp_path / "new.pth")
    with pytest.raises(MissingCheckpointError, match="no such checkpoint"):
        basenn.import_checkpoint(tmp_path / "old.pth", tmp_path / "new.pth", trust_pickle=True)
