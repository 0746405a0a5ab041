"""The running statistics of batch normalisation: measured again where an epoch is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.modules.batchnorm import _NormBase

from onnxnn import nn
from onnxnn.checkpoint import checkpoint
from onnxnn.data.batch_sizes import default_batch_size
from onnxnn.training.trainer import Trainer


class Normalised(torch.nn.Module):
    """A custom module with batch normalisation inside."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5, momentum=0.01)

    def forward(self, x):
        return torch.relu(self.norm(self.linear(x)))


class Cumulative(Normalised):
    """The same with torch's average over the whole training."""

    def __init__(self) -> None:
        super().__init__()
        self.norm.momentum = None


class Frozen(Normalised):
    """The same with statistics that training does not touch."""

    def train(self, mode: bool = True):
        super().train(mode)
        self.norm.eval()
        return self


def rows(*shape, count=44):
    draw = np.random.default_rng(1)
    y = np.arange(count) % 2
    x = draw.standard_normal((count, *shape)) * 3 + 7 * y.reshape(-1, *[1] * len(shape)) + 20
    return x.astype(np.float32), y


def table(model):
    model.load_dataset(*rows(6), batch_size=8, train_val_ratio=0.8)
    model.add("linear", size=(6, 5))
    model.add("batchnorm1d")
    model.add("dropout", p=0.3)
    model.add("linear", size=(5, 2), activation="softmax")


def images(model):
    model.load_dataset(*rows(3, 8, 8), batch_size=8, train_val_ratio=0.8)
    model.add("conv2d", size=(3, 4), kernel_size=3)
    model.add("batchnorm2d")
    model.add("res_block", size=(4, 4))
    model.add("global_avgpool")
    model.add("linear", size=(4, 2), activation="softmax")


def sequences(model):
    model.load_dataset(*rows(5, 6), batch_size=8, train_val_ratio=0.8)
    model.add("action_model", size=(6, 8))
    model.add("linear", size=(8, 2), activation="softmax")


def custom(module):
    def build(model):
        model.load_dataset(*rows(6), batch_size=8, train_val_ratio=0.8)
        model.add(module())
        model.add("linear", size=(5, 2), activation="softmax")

    return build


NETWORKS = {
    "table": table,
    "images": images,
    "sequences": sequences,
    "custom": custom(Normalised),
    "cumulative": custom(Cumulative),
}


def network(name, folder):
    model = nn("cls", save_fold=str(folder), verbose=0)
    model.set_seed(0)
    NETWORKS[name](model)
    return model


def first_means(model, x):
    """Return the running means of the first layer that keeps some, and the means of what it reads."""
    net = model.model.eval()
    layer = next(module for module in net.modules() if isinstance(module, _NormBase))
    seen = []
    hook = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        net(x)
    hook.remove()
    (given,) = seen
    return layer.running_mean, given.mean([axis for axis in range(given.ndim) if axis != 1])


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("name", NETWORKS)
def test_kept_networks_have_the_statistics_of_their_weights(tmp_path, name, ema):
    model = network(name, tmp_path)
    model.train(lr=0.01, epochs=3, ema=ema)
    x, _ = model._data.train.tensors()
    torch.testing.assert_close(*first_means(model, x), rtol=1e-4, atol=1e-4)
    for file in ("basenn.pth", "best.pth"):
        model.load(tmp_path / file)
        torch.testing.assert_close(*first_means(model, x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_figures_are_those_of_the_files(tmp_path, name):
    model = network(name, tmp_path)
    history = model.train(lr=0.01, epochs=4, metrics=["acc"], device="cpu")
    assert model.evaluate()["loss"] == pytest.approx(history[-1]["val_loss"], rel=1e-5)
    best = checkpoint.load(tmp_path / "best.pth").training
    assert best["epoch"] == history.best_epoch
    model.load(tmp_path / "best.pth")
    assert model.evaluate()["loss"] == pytest.approx(best["history"][-1]["val_loss"], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"ema": 0.9}])
@pytest.mark.parametrize("name", NETWORKS)
def test_four_epochs_and_six_more_are_ten(tmp_path, name, options):
    expected = network(name, tmp_path / "whole").train(lr=0.01, epochs=10, metrics=["acc"], **options)
    network(name, tmp_path / "parts").train(lr=0.01, epochs=4, metrics=["acc"], **options)
    before = tmp_path / "parts/basenn.pth"
    found = network(name, tmp_path / "parts").train(epochs=6, metrics=["acc"], checkpoint=before, **options)
    assert found == expected
    one, other = (checkpoint.load(tmp_path / part / "basenn.pth") for part in ("whole", "parts"))
    assert all(torch.equal(value, other.state_dict[key]) for key, value in one.state_dict.items())


def test_measuring_changes_no_weight_and_draws_nothing(tmp_path, monkeypatch):
    measured = network("images", tmp_path / "a")
    measured.train(lr=0.01, epochs=3)
    after = torch.rand(3)
    monkeypatch.setattr(Trainer, "_measure", lambda self: None)
    plain = network("images", tmp_path / "b")
    plain.train(lr=0.01, epochs=3)
    assert torch.equal(torch.rand(3), after)
    for (name, weight), other in zip(
        measured.model.named_parameters(), plain.model.parameters(), strict=True
    ):
        assert torch.equal(weight, other), name


def test_each_epoch_is_validated_with_statistics_of_its_own(tmp_path):
    """Three steps do not keep a share of the values with which a layer began."""
    model = network("table", tmp_path)
    history = model.train(lr=1e-6, epochs=3, metrics=["acc"])
    x, _ = model._data.train.tensors()
    running, means = first_means(model, x)
    assert running == pytest.approx(means.numpy(), abs=0.1)
    assert history[0]["val_loss"] == pytest.approx(history[-1]["val_loss"], rel=0.2)


def test_frozen_statistics_stay(tmp_path):
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    custom(Frozen)(model)
    model.train(lr=0.01, epochs=2)
    norm = next(module for module in model.model.modules() if isinstance(module, _NormBase))
    assert torch.equal(norm.running_mean, torch.zeros(5))
    assert norm.num_batches_tracked == 0
    assert norm.momentum == 0.01


def test_augmented_images_are_measured_as_they_are_learned_from(tmp_path, class_folders):
    def trained(folder):
        model = nn("cls", save_fold=str(tmp_path / folder), verbose=0)
        model.set_seed(3)
        model.load_img_data(
            class_folders, transform={"RandomHorizontalFlip": {"p": 0.5}}, train_val_ratio=0.75
        )
        model.add("conv2d", size=(3, 4), kernel_size=3)
        model.add("batchnorm2d")
        model.add("global_avgpool")
        model.add("linear", size=(4, 2), activation="softmax")
        history = model.train(lr=0.01, epochs=3)
        return history, model.model.state_dict()

    (first, one), (second, other) = trained("a"), trained("b")
    assert first == second
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize(
    ("count", "size"), [(1, 8), (48, 8), (127, 8), (128, 16), (255, 16), (256, 32), (60000, 32)]
)
def test_batches_follow_the_number_of_images(count, size):
    assert default_batch_size(count) == size


@pytest.mark.parametrize(("given", "expected"), [({}, 8), ({"batch_size": 32}, 32), ({"batch_size": 5}, 5)])
def test_a_batch_size_that_is_written_out_counts(class_folders, given, expected):
    model = nn("cls", verbose=0)
    model.load_img_data(class_folders, **given)
    assert model._data.train.batch_size == expected
