"""Weights of classes: against Keras's definition written out, for every kind of data with classes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from onnxnn_runtime.errors import TrainingError

from onnxnn import nn
from onnxnn.data.batches import Batches, InMemory
from onnxnn.training.class_weights import WeightedLoss, checked_class_weight, weighted
from onnxnn.training.losses import Loss, make
from onnxnn.training.settings import TrainSettings

LABELS = np.array([0] * 8 + [1] * 2 + [2] * 2)
BALANCED = [12 / (3 * 8), 12 / (3 * 2), 12 / (3 * 2)]


def batches(labels):
    return Batches(InMemory(torch.zeros(len(labels), 1), torch.tensor(labels)))


def plain(name="CrossEntropyLoss"):
    return Loss(name, lambda y, t: F.cross_entropy(y, t), from_logits=name == "CrossEntropyLoss")


def test_balanced_weights_are_those_of_scikit_learn():
    found = weighted(plain(), "balanced", batches(LABELS), ("a", "b", "c"))
    assert found.weights.tolist() == pytest.approx(BALANCED)
    sklearn = pytest.importorskip("sklearn.utils.class_weight", reason="needs scikit-learn")
    expected = sklearn.compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    assert found.weights.tolist() == pytest.approx(expected.tolist())
    # A class without samples counts as scikit-learn counts it: not at all.
    assert weighted(plain(), "balanced", batches([0, 0, 0, 2]), "abc").weights.tolist() == pytest.approx(
        [2 / 3, 1, 2]
    )


@pytest.mark.parametrize(
    ("given", "weights"),
    [({"cat": 3}, [3, 1, 1]), ({0: 3, "2": 0.5}, [3, 1, 0.5]), ({"7": 4, 1: 0}, [1, 0, 4]), ({}, None)],
)
def test_a_dict_names_classes_or_their_indices(given, weights):
    found = weighted(plain(), checked_class_weight(given), batches(LABELS), ("cat", "dog", "7"))
    assert (found.weights.tolist() if weights else found.name) == (weights or "CrossEntropyLoss")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("balance", "class_weight='balance': expected 'balanced', or a dict"),
        ([1, 2], r"class_weight=\(1, 2\): expected 'balanced'"),
        ({"a": -1}, "numbers from 0"),
        ({"a": float("nan")}, "numbers from 0"),
        ({"a": True}, "numbers from 0"),
        ({"a": "2"}, "numbers from 0"),
        ({1.5: 2}, "expected 'balanced'"),
        (3, "class_weight=3: expected 'balanced'"),
    ],
)
def test_other_weights_are_refused(given, message):
    with pytest.raises(TrainingError, match=message):
        TrainSettings(class_weight=given)


def test_an_unknown_class_is_named_with_the_nearest():
    with pytest.raises(
        TrainingError, match=r"unknown class 'catt'. Did you mean 'cat'\? Classes: 'cat', 'dog'"
    ):
        weighted(plain(), {"catt": 2.0}, batches([0, 1]), ("cat", "dog"))
    with pytest.raises(TrainingError, match="unknown class '2'"):
        weighted(plain(), {"2": 2.0}, batches([0, 1]), ("cat", "dog"))


def by_hand(losses, labels, weights):
    """Keras: the mean of the samples' losses, each times the weight of its class."""
    return float((losses * torch.tensor(weights)[labels]).mean())


W = [1.0, 3.0, 0.5]
CASES = [
    ("CrossEntropyLoss", (7, 3), (7,)),
    ("CrossEntropyLoss", (7, 4, 3), (7, 4)),
    ("CrossEntropyLoss", (7, 1, 3), (7,)),
    ("CrossEntropyLoss", (7, 3, 2, 2), (7, 2, 2)),
    ("NLLLoss", (7, 3), (7,)),
]


@pytest.mark.parametrize(("name", "outputs", "targets"), CASES)
def test_cross_entropies_are_weighted_sample_by_sample(name, outputs, targets):
    generator = torch.Generator().manual_seed(0)
    y, target = torch.randn(outputs, generator=generator), torch.randint(0, 3, targets, generator=generator)
    loss = WeightedLoss(plain(name), torch.tensor(W))
    rows = y.movedim(-1, 1) if y.ndim == 3 else y
    each = (F.cross_entropy if name == "CrossEntropyLoss" else F.nll_loss)(
        rows, target.reshape(rows.shape[:1] + rows.shape[2:]), reduction="none"
    )
    expected = by_hand(each, target.reshape(each.shape), W)
    assert float(loss(y, target)) == pytest.approx(expected)
    one_hot = F.one_hot(target, 3).float()
    if y.ndim == 2:
        assert float(loss(y, one_hot)) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss"])
def test_equal_weights_change_no_loss(name):
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 3), activation="softmax")
    loss = make(name, model.model, model._state.definition.output_shape, "cls", 3)
    y, target = (
        torch.randn(6, 3, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, 1, 2, 2, 1, 1]),
    )
    assert float(WeightedLoss(loss, torch.ones(3))(y, target)) == pytest.approx(float(loss(y, target)))


def test_labels_for_other_outputs_are_refused_as_without_weights():
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 3), activation="softmax")
    loss = make(None, model.model, model._state.definition.output_shape, "cls", 3)
    with pytest.raises(TrainingError, match="expected one label for each sample, got labels"):
        WeightedLoss(loss, torch.ones(3))(torch.zeros(6, 3), torch.zeros(6, 2, dtype=torch.int64))


@pytest.mark.parametrize("name", ["MSELoss", "BCELoss", "KLDivLoss", "SoftMarginLoss", "L1Loss"])
def test_other_losses_are_weighted_by_the_mean_of_each_class(name):
    torch.manual_seed(0)
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 3), activation="softmax")
    loss = make(name, model.model, model._state.definition.output_shape, "cls", 3)
    y, target = torch.rand(6, 3), torch.tensor([0, 1, 2, 2, 1, 1])
    each = torch.stack([loss(y[[i]], target[[i]]) for i in range(6)])
    assert float(WeightedLoss(loss, torch.tensor(W))(y, target)) == pytest.approx(
        by_hand(each, target, W), rel=1e-5
    )


def test_one_output_with_two_classes():
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 1), activation="sigmoid")
    loss = make(None, model.model, model._state.definition.output_shape, "cls", 2)
    y, target = torch.randn(5, 1), torch.tensor([0, 1, 1, 0, 0])
    each = F.binary_cross_entropy_with_logits(y[:, 0], target.float(), reduction="none")
    assert float(WeightedLoss(loss, torch.tensor(W[:2]))(y, target)) == pytest.approx(
        by_hand(each, target, W[:2])
    )


def test_weights_count_in_training_alone():
    loss = WeightedLoss(plain(), torch.tensor(W))
    y, target = torch.randn(5, 3), torch.tensor([0, 1, 1, 2, 0])
    assert float(loss.eval()(y, target)) == pytest.approx(float(F.cross_entropy(y, target)))
    assert "weights" not in loss.state_dict()


def noisy(count=400, seed=0):
    """Two classes, one of ten times as many samples as the other, that overlap."""
    draw = np.random.default_rng(seed)
    y = (np.arange(count) % 11 == 0).astype(np.int64)
    return (draw.standard_normal((count, 2)) + 1.5 * y[:, None]).astype(np.float32), y


DATA = {
    "table": lambda x: (x, [("linear", {"size": (2, 2)})]),
    "sequence": lambda x: (
        x[:, None].repeat(3, 1),
        [("gru", {"size": (2, 4)}), ("linear", {"size": (4, 2)})],
    ),
    "image": lambda x: (
        x[:, :1, None, None].repeat(4, 2).repeat(4, 3),
        [("flatten", {}), ("linear", {"size": (16, 2)})],
    ),
    "tokens": lambda x: (
        (x.clip(-2, 2) + 2).round().astype(np.int64),
        [("embedding", {"size": (5, 4)}), ("flatten", {}), ("linear", {"size": (8, 2)})],
    ),
}


@pytest.mark.parametrize("kind", DATA)
def test_the_rare_class_is_found_in_every_kind_of_data(kind, tmp_path):
    x, y = noisy()
    x, layers = DATA[kind](x)
    recall = {}
    for weight in (None, "balanced"):
        model = nn("cls", verbose=0)
        model.set_seed(0)
        model.load_dataset(x, y, classes=["common", "rare"], batch_size=64)
        for layer, options in layers:
            model.add(layer, **options)
        model.add(activation="softmax")
        model.train(lr=0.05, epochs=4, class_weight=weight, save_fold=str(tmp_path))
        recall[weight] = (model.inference(x).argmax(-1)[y == 1] == 1).mean()
    assert recall["balanced"] > recall[None] + 0.15
    assert json.loads(model.card().to_json())["training"]["settings"]["class_weight"] == "balanced"


def test_a_training_in_two_parts_keeps_the_weights(tmp_path):
    x, y = noisy(60)

    def trained(epochs, **options):
        model = nn("cls", verbose=0)
        model.set_seed(0)
        model.load_dataset(x, y, batch_size=16)
        model.add("linear", size=(2, 2), activation="softmax")
        model.train(lr=0.05, epochs=epochs, save_fold=str(tmp_path), **options)
        return model

    whole = trained(4, class_weight={1: 5}).inference(x)
    trained(2, class_weight={1: 5})
    np.testing.assert_array_equal(trained(2, checkpoint=tmp_path / "basenn.pth").inference(x), whole)


@pytest.mark.parametrize(("task", "y"), [("reg", np.arange(8.0)), ("embed", np.arange(8) % 2)])
def test_without_classes_weights_are_refused(tmp_path, task, y):
    model = nn(task, verbose=0)
    model.load_dataset(np.random.default_rng(0).random((8, 2), np.float32), y)
    model.add("linear", size=(2, 1 if task == "reg" else 4))
    with pytest.raises(TrainingError, match="class_weight='balanced': expected data with classes"):
        model.train(epochs=1, class_weight="balanced", save_fold=str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_a_recipe_takes_them(tmp_path):
    from onnxnn.recipe import read_recipe

    rows = "\n".join(f"{n},{n % 3},{'rare' if n % 5 == 0 else 'common'}" for n in range(30))
    (tmp_path / "a.csv").write_text(f"a,b,kind\n{rows}\n", encoding="utf-8")
    (tmp_path / "a.yaml").write_text(
        "task: cls\ndata: {table: a.csv, label: kind, columns: {b: categorical}, train_val_ratio: 1}\n"
        "layers: [{linear: {size: [null, 2], activation: softmax}}]\n"
        "train: {epochs: 1, class_weight: {rare: 4}}\nsave_fold: out\n",
        encoding="utf-8",
    )
    network = read_recipe(tmp_path / "a.yaml").run().network
    assert network.card().training["settings"]["class_weight"] == {"rare": 4.0}
    assert [column.kind for column in network.card().input.columns] == ["number", "categorical"]
