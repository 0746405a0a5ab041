"""nn("embed"): every batch has pairs of a class, or training is refused and says what to change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import TrainingError

from onnxnn import nn
from onnxnn.data.batches import Batches, InMemory
from onnxnn.data.pairing import PairedBatches
from onnxnn.training.embedding import for_pairs


def network(labels, batch_size=4, ratio=1.0, **options):
    model = nn("embed", verbose=0)
    model.set_seed(0)
    draw = np.random.default_rng(0)
    labels = np.asarray(labels)
    x = draw.standard_normal((len(labels), 6)).astype(np.float32) + labels[:, None]
    model.load_dataset(x, labels, batch_size=batch_size, train_val_ratio=ratio, **options)
    model.add("linear", size=(6, 4))
    return model


def batches(labels, batch_size, shuffle=True):
    y = torch.tensor(labels)
    return Batches(InMemory(torch.arange(len(y), dtype=torch.float32)[:, None], y), batch_size, shuffle)


@pytest.mark.parametrize(
    ("labels", "batch_size"),
    [
        (list(range(20)) * 2, 4),  # 20 classes of two
        ([0] * 5 + [1] * 7 + [2] * 9, 6),
        ([0, 1] * 8, 5),
        ([0] * 30 + [1] * 2, 8),
        ([*range(50), 7, 9], 8),  # hardly any pair
    ],
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_pairs_stay_together_and_every_sample_comes_once(labels, batch_size, shuffle):
    torch.manual_seed(0)
    paired = PairedBatches(batches(labels, batch_size, shuffle))
    for _ in range(2):
        found = list(paired)
        assert sorted(int(n) for x, _ in found for n in x) == list(range(len(labels)))
        lonely = sum(int((torch.bincount(y) == 1).sum()) for _, y in found)
        assert lonely == sum(labels.count(label) == 1 for label in set(labels))
        assert all(len(x) <= batch_size + 3 for x, _ in found)


def test_validation_has_the_same_batches_each_time_and_draws_nothing():
    paired = PairedBatches(batches([0, 1, 2] * 6, 6, shuffle=False))
    torch.manual_seed(5)
    first = [y.tolist() for _, y in paired]
    assert [y.tolist() for _, y in paired] == first
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("loss", [None, "SupCon", "ArcFace"])
def test_two_samples_of_each_of_many_classes_are_learned_from(tmp_path, loss, shuffle):
    model = network(list(range(16)) + list(range(16)), batch_size=8, shuffle=shuffle)
    history = model.train(lr=0.01, epochs=3, loss=loss, save_fold=str(tmp_path))
    assert all(step["loss"] > 0.01 for step in history.steps)


@pytest.mark.parametrize("loss", [None, "SupCon", "supervised_contrastive"])
def test_one_sample_of_each_class_is_refused(tmp_path, loss):
    with pytest.raises(TrainingError, match=r"two training samples of a class.*loss='ArcFace'"):
        network(range(12)).train(epochs=1, loss=loss, save_fold=str(tmp_path))
    network(range(12)).train(epochs=1, loss="ArcFace", save_fold=str(tmp_path))


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_batches_without_room_for_two_pairs_are_refused(tmp_path, batch_size):
    with pytest.raises(TrainingError, match="Use batch_size=4 or more"):
        network([0, 1] * 6, batch_size).train(epochs=1, save_fold=str(tmp_path))
    with pytest.raises(TrainingError, match="Use batch_size=4 or more"):
        network([0, 1] * 6).train(epochs=1, batch_size=batch_size, save_fold=str(tmp_path))


def test_validation_without_pairs_is_left_out_with_a_warning(tmp_path):
    model = network([0, 1, 2] * 4, ratio=0.75)
    with pytest.warns(UserWarning, match="without validation"):
        history = model.train(epochs=1, save_fold=str(tmp_path))
    assert "val_loss" not in history[0]


def test_sorted_samples_are_validated_and_evaluated_beside_other_classes(tmp_path):
    """Batches of one class alone would have nothing to distinguish."""
    model = network(sorted([0, 1, 2, 3] * 10), batch_size=4, ratio=0.5)
    history = model.train(lr=1e-6, epochs=1, metrics=["acc"], save_fold=str(tmp_path))
    assert model.evaluate(batch_size=4)["loss"] == pytest.approx(history[0]["val_loss"], rel=1e-4)
    rows = np.random.default_rng(1).standard_normal((40, 6)).astype(np.float32)
    assert model.evaluate((rows, np.repeat(range(4), 10)), batch_size=4)["acc"] < 0.9


@pytest.mark.parametrize(
    ("count", "processes", "smallest"), [(8, 1, 4), (3, 1, 3), (5, 2, 5), (20, 2, 8)], ids=str
)
def test_a_batch_has_room_for_two_pairs_in_each_process_or_for_all_samples(count, processes, smallest):
    labels = [0, 0, *([1] * (count - 2))]
    train, _ = for_pairs(batches(labels, smallest), None, "SupCon", processes)
    assert sum(len(x) for x, _ in train) == count
    with pytest.raises(TrainingError, match=f"Use batch_size={smallest} or more"):
        for_pairs(batches(labels, smallest - 1), None, "SupCon", processes)
