"""Cross-validation: folds against scikit-learn's, scores by hand, and a network that stays as it was."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import DataError, TrainingError
from PIL import Image

from onnxnn import nn
from onnxnn.data.folds import folds_of


def classes(count=60, seed=0):
    draw = np.random.default_rng(seed)
    y = np.arange(count) % 3
    return (draw.standard_normal((count, 2)) + 3 * np.eye(3)[y][:, :2]).astype(np.float32), y


def network(task="cls", x=None, y=None, **options):
    model = nn(task, verbose=0)
    if x is None:
        x, y = classes()
    model.load_dataset(x, y, batch_size=16, **options)
    torch.manual_seed(0)
    model.add("linear", size=(x.shape[1], 3 if task == "cls" else 1))
    if task == "cls":
        model.add(activation="softmax")
    return model


def numbers_of(model, k, seed=0):
    return [fold.held_out.tensors()[0] for fold in folds_of(model._state.data, k, seed)]


@pytest.mark.parametrize("k", [2, 5, 7])
def test_each_sample_is_held_out_once_and_classes_are_shared_out(k):
    x, y = np.arange(47, dtype=np.float32)[:, None], np.sort(np.arange(47) % 3)
    folds = list(folds_of(network(x=x, y=y)._state.data, k, 0))
    held = [fold.held_out.tensors() for fold in folds]
    assert sorted(torch.cat([each for each, _ in held])[:, 0].tolist()) == list(range(47))
    for fold, (out, labels) in zip(folds, held, strict=True):
        inside, _ = fold.data.train.tensors()
        assert not set(inside[:, 0].tolist()) & set(out[:, 0].tolist())
        assert len(inside) + len(out) == 47
        assert fold.data.validation is None
        counts = torch.bincount(labels, minlength=3)
        assert all(
            abs(int(count) - int(total) / k) < 1 for count, total in zip(counts, np.bincount(y), strict=True)
        )
    assert max(map(len, [out for out, _ in held])) - min(map(len, [out for out, _ in held])) <= 1


def test_the_seed_says_which_samples_are_in_which_fold():
    model = network()
    first, again, other = numbers_of(model, 4), numbers_of(model, 4), numbers_of(model, 4, seed=1)
    assert all(map(torch.equal, first, again))
    assert not all(map(torch.equal, first, other))


def test_scores_are_those_of_a_network_trained_by_hand(tmp_path):
    model = network()
    found = model.cross_validate(k=3, lr=0.2, epochs=3, seed=4)
    fold = list(folds_of(model._state.data, 3, 4))[1]
    (x, y), (held, labels) = fold.data.train.tensors(), fold.held_out.tensors()
    other = network(x=x.numpy(), y=y.numpy())
    other.set_seed(4)
    assert other.model is not None  # which has its weights from now on
    other.set_seed(4)
    other.train(lr=0.2, epochs=3, save_fold=str(tmp_path))
    assert found.scores[1] == pytest.approx(other.evaluate((held.numpy(), labels.numpy())))
    values = [score["acc"] for score in found.scores]
    assert found.mean["acc"] == pytest.approx(np.mean(values))
    assert found.std["acc"] == pytest.approx(np.std(values))
    assert found.mean["acc"] > 0.7


@pytest.mark.parametrize("task", ["cls", "reg"])
def test_the_network_its_data_and_the_random_generators_stay_as_they_were(task):
    x, y = classes()
    model = network(task, x, y if task == "cls" else x[:, 0] * 2, train_val_ratio=0.8)
    state, weights = model._state, [weight.clone() for weight in model.model.parameters()]
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    found = model.cross_validate(k=2, epochs=2)
    assert model._state is state
    assert all(map(torch.equal, weights, model.model.parameters()))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]
    assert model.history == []
    assert set(found.mean) == {"loss", "acc" if task == "cls" else "mae"}
    assert found.scores == model.cross_validate(k=2, epochs=2).scores


def test_a_custom_module_has_its_weights_back():
    module = torch.nn.Linear(2, 3)
    model = nn("cls", verbose=0)
    model.load_dataset(*classes())
    model.add(module)
    model.add(activation="softmax")
    before = module.weight.clone()
    found = model.cross_validate(k=2, epochs=2, lr=0.1)
    assert torch.equal(module.weight, before)
    assert found.scores == model.cross_validate(k=2, epochs=2, lr=0.1).scores


def test_no_file_is_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network().cross_validate(k=2, epochs=1)
    assert list(tmp_path.iterdir()) == []


def test_gaps_and_scales_follow_from_what_is_learned_from(tmp_path):
    rows = [f"{n if n % 4 else ''},{'ab'[n % 2]},{n % 3}" for n in range(24)]
    (tmp_path / "a.csv").write_text("size,town,label\n" + "\n".join(rows), encoding="utf-8")
    model = nn("cls", verbose=0)
    model.load_tab_data(tmp_path / "a.csv")
    model.add("linear", size=(None, 3), activation="softmax")
    for fold in folds_of(model._state.data, 3, 0):
        x = fold.data.train.tensors()[0][:, 0].double().numpy()
        fill = np.nanmedian(x)
        filled = np.where(np.isnan(x), fill, x)
        assert fold.normalize.fill[0] == pytest.approx(fill)
        assert fold.normalize.mean == pytest.approx((filled.mean(), 0, 0))
        assert fold.normalize.std == pytest.approx((filled.std(), 1, 1))
        assert fold.normalize.indicators == (0,)
    assert len(model.cross_validate(k=3, epochs=1).scores) == 3


def test_sequences_are_standardised_by_what_is_learned_from():
    x = np.random.default_rng(0).normal(5, 2, (12, 3, 2)).astype(np.float32)
    model = nn("cls", verbose=0)
    model.load_dataset(x, np.arange(12) % 2, standardize=True)
    model.add("gru", size=(2, 3))
    model.add("linear", size=(3, 2), activation="softmax")
    fold = next(folds_of(model._state.data, 2, 0))
    seen = fold.data.train.tensors()[0].double().reshape(-1, 2)
    assert fold.normalize.mean == pytest.approx(seen.mean(0).tolist())
    assert len(model.cross_validate(k=2, epochs=1).scores) == 2


def test_images_of_a_fold_are_judged_without_augmentation(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(4):
            pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) + 20 * number + (name == "b")
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    model = nn("cls", verbose=0)
    model.load_img_data(
        tmp_path, transform={"Resize": (4, 4), "RandomHorizontalFlip": {"p": 1.0}}, shuffle=False
    )
    model.add("flatten")
    model.add("linear", size=(48, 2), activation="softmax")
    folds = list(folds_of(model._state.data, 2, 0))
    found = torch.cat([x for fold in folds for x, _ in fold.held_out])
    learned = torch.cat([x for x, _ in folds[0].data.train])
    assert sorted(found.sum((1, 2, 3)).tolist())[:2] == sorted(found.flip(3).sum((1, 2, 3)).tolist())[:2]
    assert (found[:, 0, 0, 0] < found[:, 0, 0, 3]).all()
    assert (learned[:, 0, 0, 0] > learned[:, 0, 0, 3]).all()
    assert len(model.cross_validate(k=2, epochs=1).scores) == 2


def test_the_result_reads_as_a_table(capsys):
    model = network()
    model.verbose = 1
    found = model.cross_validate(k=2, epochs=1)
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in said] == [["fold", "1/2"], ["fold", "2/2"]]
    assert [line.split()[0] for line in str(found).splitlines()] == [
        "fold",
        "1/2",
        "2/2",
        "mean",
        "deviation",
    ]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"k": 1},
            DataError,
            r"cross_validate\(k=1\): expected an integer from 2 to the number of samples \(60\)",
        ),
        ({"k": 61}, DataError, r"k=61"),
        ({"k": "5"}, DataError, "k='5'"),
        ({"k": True}, DataError, "k=True"),
        ({"seed": -1}, TrainingError, r"cross_validate\(-1\): expected an integer from 0"),
        ({"epochs": 0}, TrainingError, "epochs=0: expected an integer of at least 1"),
        ({"metrics": "accuracies"}, TrainingError, "accuracies"),
        ({"class_weight": "equal"}, TrainingError, "class_weight='equal'"),
    ],
)
def test_wrong_options_are_refused(options, error, message):
    model = network()
    state = model._state
    with pytest.raises(error, match=message):
        model.cross_validate(**{"k": 2, "epochs": 1, **options})
    assert model._state is state


def test_a_network_that_knows_the_samples_is_refused(tmp_path):
    model = network()
    model.train(epochs=1, save_fold=str(tmp_path))
    with pytest.raises(TrainingError, match=r"expected a network that was not trained yet.*Build it again"):
        model.cross_validate()


def test_without_data_layers_or_a_task_that_is_judged_so(tmp_path):
    with pytest.raises(DataError, match="there is no data"):
        nn("cls", verbose=0).cross_validate()
    model = nn("embed", verbose=0)
    model.load_dataset(*classes())
    model.add("linear", size=(2, 3))
    with pytest.raises(TrainingError, match=r"expected a network that classifies or predicts values"):
        model.cross_validate()


def test_a_class_with_fewer_samples_than_folds_is_named():
    x, y = classes(12)
    y[:10] = 0
    y[10:] = 1
    with pytest.warns(
        UserWarning, match=r"cross_validate\(k=3\): '1' has fewer samples than there are folds"
    ):
        network(x=x, y=y).cross_validate(k=3, epochs=1)
