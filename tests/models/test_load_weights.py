"""load_weights: files with torchvision's names, files of ours, and files that do not fit."""

from __future__ import annotations

import pytest
import torch
from onnxnn_runtime.errors import CheckpointError, LayerError, MissingCheckpointError
from torch import nn as layers

from onnxnn import nn


def resnet(blocks, channels, classes):
    """A small network with the layers of a ResNet and random batch statistics."""
    model = nn("cls", verbose=0)
    model.add("conv2d", size=(3, channels), kernel_size=7, stride=2, padding=3, bias=False)
    model.add("batchnorm2d")
    model.add("relu")
    model.add("maxpool", kernel_size=3, stride=2, padding=1)
    for stage, number in enumerate(blocks):
        model.add("res_block", size=channels * 2**stage, num_blocks=number, stride=1 if stage == 0 else 2)
    model.add("global_avgpool")
    model.add("linear", size=classes, activation="softmax")
    for module in model.model.modules():
        if isinstance(module, layers.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.num_batches_tracked += 7
    return model


def torchvision_names(state, blocks):
    """The same tensors under the names of torchvision's resnets."""
    stem = {"conv2d1": "conv1", "batchnorm2d2": "bn1"}
    stem[next(name for name in state if name.startswith("linear")).split(".")[0]] = "fc"
    stem.update({f"res_block{5 + stage}": f"layer{1 + stage}" for stage in range(len(blocks))})
    renamed = {}
    for name, value in state.items():
        first, _, rest = name.partition(".")
        renamed[f"{stem[first]}.{rest}"] = value
    return renamed


@pytest.fixture(params=["new", "old"])
def published(request, tmp_path):
    """A network and its weights as torchvision publishes them: new files, and old ones without counters
    and with the statistics before the weights."""
    blocks = (2, 1)
    torch.manual_seed(3)
    model = resnet(blocks, 4, 5)
    state = torchvision_names(model.model.state_dict(), blocks)
    if request.param == "old":
        order = ("running_mean", "running_var", "weight", "bias")
        names = list(dict.fromkeys(name.rpartition(".")[0] for name in state))
        state = {
            f"{n}.{leaf}": state[f"{n}.{leaf}"] for n in names for leaf in order if f"{n}.{leaf}" in state
        }
    else:
        assert "layer2.0.downsample.1.num_batches_tracked" in state
    torch.save(state, tmp_path / "resnet.pth")
    return model, tmp_path / "resnet.pth"


def same(one, other):
    x = torch.rand(2, 3, 40, 40)
    return torch.equal(one.model.eval()(x), other.model.eval()(x))


def test_torchvisions_names_are_taken_in_order(published):
    trained, path = published
    fresh = resnet((2, 1), 4, 5)
    assert not same(fresh, trained)
    fresh.load_weights(path)
    assert same(fresh, trained)


def test_the_spelled_out_network_takes_them_too(published):
    trained, path = published
    fresh = nn("cls", verbose=0)
    fresh.add("conv2d", size=(3, 4), kernel_size=7, stride=2, padding=3, bias=False, activation=None)
    fresh.add("batchnorm2d", activation="relu")
    fresh.add("maxpool", kernel_size=3, stride=2, padding=1)
    fresh.add("res_block", size=(4, 4))
    fresh.add("res_block", size=(4, 4))
    fresh.add("res_block", size=(4, 8), stride=2)
    fresh.add("global_avgpool")
    fresh.add("linear", size=(8, 5), activation="softmax")
    fresh.load_weights(path)
    assert same(fresh, trained)


def test_other_classes_keep_the_last_layer(published):
    trained, path = published
    fresh = resnet((2, 1), 4, 9)
    with pytest.raises(CheckpointError, match=r"\(9, 8\).*\(5, 8\).*load_weights\(\.\.\., head=False\)"):
        fresh.load_weights(path)
    before = fresh.model[-2].weight.clone()
    fresh.load_weights(path, head=False)
    assert torch.equal(fresh.model[-2].weight, before)
    assert torch.equal(fresh.model[0].weight, trained.model[0].weight)


def test_a_file_without_a_last_layer_keeps_the_networks(published, tmp_path):
    trained, path = published
    state = torch.load(path, weights_only=True)
    torch.save(
        {name: value for name, value in state.items() if not name.startswith("fc.")}, tmp_path / "no.pth"
    )
    fresh = resnet((2, 1), 4, 5)
    before = fresh.model[-2].weight.clone()
    fresh.load_weights(tmp_path / "no.pth", head=False)
    assert torch.equal(fresh.model[-2].weight, before)
    assert torch.equal(fresh.model[0].weight, trained.model[0].weight)
    with pytest.raises(CheckpointError, match=r"expected 17 layers with weights, .* got 16 in the file"):
        fresh.load_weights(tmp_path / "no.pth")


def test_a_file_that_does_not_fit_changes_nothing(published):
    _, path = published
    fresh = resnet((2, 1), 8, 5)
    before = {name: value.clone() for name, value in fresh.model.state_dict().items()}
    with pytest.raises(
        CheckpointError, match=r"layer 1 with weights .* expected 'conv2d1' .* got 'conv1' in the file"
    ):
        fresh.load_weights(path)
    assert all(torch.equal(value, before[name]) for name, value in fresh.model.state_dict().items())
    small = resnet((1,), 4, 5)
    with pytest.raises(CheckpointError, match=r"expected 7 layers with weights, .* got 17 in the file"):
        small.load_weights(path, head=False)


def test_our_own_names_are_taken_by_name(tmp_path):
    model = resnet((1,), 4, 5)
    shuffled = dict(reversed(model.model.state_dict().items()))
    torch.save(shuffled, tmp_path / "shuffled.pth")
    model.save(tmp_path / "basenn.pth")
    for name in ("shuffled.pth", "basenn.pth"):
        fresh = resnet((1,), 4, 5)
        fresh.load_weights(tmp_path / name)
        assert same(fresh, model)


def test_the_home_folder_may_be_written_short(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    model, again = (nn("reg", verbose=0) for _ in range(2))
    for each in (model, again):
        each.add("linear", size=(2, 1))
    model.save(tmp_path / "a.pth")
    again.load_weights("~/a.pth")
    torch.testing.assert_close(again.model.state_dict(), model.model.state_dict())


def test_what_is_no_file_of_tensors(tmp_path):
    model = resnet((1,), 4, 5)
    with pytest.raises(MissingCheckpointError, match=r"nowhere\.pth: no such file of weights"):
        model.load_weights(tmp_path / "nowhere.pth")
    torch.save(layers.Linear(2, 2), tmp_path / "module.pth")
    with pytest.raises(CheckpointError, match="expected a file of tensors alone"):
        model.load_weights(tmp_path / "module.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="expected tensors by name, got list"):
        model.load_weights(tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="expected the path of a file") as error:
        model.load_weights(model.model.state_dict())
    assert len(str(error.value)) < 200
    with pytest.raises(LayerError, match=r"expected sha256=.* for weights from the web"):
        model.load_weights("https://example.org/resnet18.pth")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"model": state},
        lambda state: {"state_dict": state, "epoch": 3, "example": torch.zeros(2)},
        lambda state: {"model_state_dict": state, "optimizer": {"lr": 0.1}},
        lambda state: {"net": {f"module.{name}": value for name, value in state.items()}},
        lambda state: {"model": {"state_dict": state}, "best": torch.tensor(0.5)},
    ],
)
def test_weights_that_stand_inside_other_things_are_found(tmp_path, wrap):
    model = nn("cls", verbose=0)
    model.load_dataset(torch.zeros(4, 3).numpy(), [0, 1, 0, 1])
    model.add("linear", size=2, activation="softmax")
    state = {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.ones(2)}
    torch.save(wrap(state), tmp_path / "weights.pth")
    model.load_weights(tmp_path / "weights.pth")
    assert torch.equal(model.model[0].weight.detach(), state["fc.weight"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"generator": {"a": torch.zeros(2)}, "epoch": 1},
            r"expected tensors by name, got \['generator', 'epoch'\]",
        ),
        ({}, r"expected tensors by name, got \[\]"),
        (torch.zeros(2), "expected tensors by name, got Tensor"),
        ({"state_dict": []}, "expected tensors by name"),
    ],
)
def test_files_without_weights_by_name(tmp_path, content, message):
    model = nn("cls", verbose=0)
    model.add("linear", size=(3, 2))
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=message):
        model.load_weights(tmp_path / "weights.pth")
