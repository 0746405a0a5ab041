"""Networks can be pickled and copied at every stage, whatever they learn from, as joblib and others need."""

from __future__ import annotations

import copy
import pickle  # noqa: TID251  # users pickle networks; nothing of ours reads one

import numpy as np
import pytest
import torch
from support.prepared import run_python

from onnxnn import nn

RANDOM = np.random.default_rng(0)
TURNS = np.arange(12) % 2
CONVOLUTIONS = [
    ("conv2d", {"size": (3, 2), "kernel_size": 3}),
    ("global_avgpool", {}),
    ("linear", {"size": (2, 2)}),
]
WORDS = {chr(0x4E00 + number): number for number in range(12)}
CHANGES = {"RandomHorizontalFlip": 0.5, "Normalize": ([0.5] * 3, [0.5] * 3)}


def rows(count):
    return RANDOM.normal(size=(12, count)).astype(np.float32)


def csv_file(folder):
    path = folder / "rows.csv"
    path.write_text("a,b,c\n" + "".join(f"{i},{2 * i},{i % 2}\n" for i in range(12)), encoding="utf-8")
    return path


def npz_file(folder):
    np.savez(folder / "rows.npz", data=rows(2), label=TURNS)
    return folder / "rows.npz"


CASES = {
    "images": ("cls", lambda m, images, _: m.load_img_data(images, train_val_ratio=0.7), CONVOLUTIONS),
    "changing images": ("cls", lambda m, images, _: m.load_img_data(images, transform=CHANGES), CONVOLUTIONS),
    "arrays of images": (
        "cls",
        lambda m, *_: m.load_dataset(RANDOM.integers(0, 255, (12, 8, 8, 3), np.uint8), TURNS),
        CONVOLUTIONS,
    ),
    "images to draw": (
        None,
        lambda m, images, _: m.load_img_data(images),
        [("diffusion_model", {"img_size": 8, "timestep": 4})],
    ),
    "csv": ("cls", lambda m, _, folder: m.load_tab_data(csv_file(folder)), [("linear", {"size": (2, 2)})]),
    "npz": ("cls", lambda m, _, folder: m.load_npz_data(npz_file(folder)), [("linear", {"size": (2, 2)})]),
    "values": (
        "reg",
        lambda m, *_: m.load_dataset(rows(3), TURNS / 3, standardize=True),
        [("linear", {"size": (3, 1)})],
    ),
    "custom module": ("cls", lambda m, *_: m.load_dataset(rows(3), TURNS), [(torch.nn.Linear(3, 2), {})]),
    "tokens": (
        None,
        lambda m, *_: m.load_dataset(np.arange(12).reshape(2, 6), word2idx=WORDS),
        [("em_lstm", {"size": (4, 4)})],
    ),
    "sequences": (
        "gen",
        lambda m, *_: m.load_dataset(np.tile([3, 4, 5, 0], (4, 1)), np.tile([1, 5, 4, 3, 2], (4, 1))),
        [("transformer", {"source_vocab": 6, "target_vocab": 6, "size": (8, 8), "max_length": 5})],
    ),
}


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


def weights(model):
    return {name: value.clone() for name, value in model.model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def train(model):
    model.set_seed(1)
    options = {"samples_every": 0} if "diffusion_model" in str(model.model) else {}
    model.train(lr=0.01, epochs=1, metrics=[], **options)
    return weights(model)


@pytest.mark.filterwarnings("ignore:.*custom module:UserWarning")
@pytest.mark.parametrize("again", [pickled, copy.deepcopy], ids=["pickle", "deepcopy"])
@pytest.mark.parametrize("case", CASES)
def test_a_copy_learns_the_same_and_leaves_the_original_alone(again, case, class_folders, tmp_path):
    task, load, layers = CASES[case]
    model = again(nn(task, save_fold=str(tmp_path / "ckpt"), verbose=0))
    load(model, class_folders, tmp_path)
    model = again(model)
    for layer, options in layers:
        model.add(layer, **options)
    train(again(model))
    train(model)
    before, other = weights(model), again(model)
    assert same(weights(other), before)
    assert other.card() == model.card()
    assert list(other.history) == list(model.history)
    learned = train(other)
    assert not same(learned, before)
    assert same(weights(model), before)
    assert same(train(model), learned)


@pytest.mark.parametrize("case", ["images", "arrays of images"])
def test_images_of_a_copy_are_read_again_as_another_network_takes_them(case, class_folders, tmp_path):
    task, _, layers = CASES[case]
    pixels = RANDOM.integers(0, 255, (12, 8, 8, 3), np.uint8)
    trained = nn(task, save_fold=str(tmp_path / "ckpt"), verbose=0)
    trained.load_img_data(class_folders, transform={"Resize": (6, 6)})
    for layer, options in layers:
        trained.add(layer, **options)
    train(trained)
    learned = []
    for again in (copy.copy, pickled, copy.deepcopy):
        model = nn(task, save_fold=str(tmp_path / "again"), verbose=0)
        if case == "images":
            model.load_img_data(class_folders, shuffle=False)
        else:
            model.load_dataset(pixels, TURNS, classes=["dark", "bright"], shuffle=False)
        model = again(model)
        model.load(tmp_path / "ckpt/basenn.pth")
        assert model.card().input.preprocess.steps == (("resize", 6, 6),)
        learned.append(train(model))
    assert same(learned[0], learned[1])
    assert same(learned[0], learned[2])


def test_another_process_opens_a_pickled_network(class_folders, tmp_path):
    model = nn("cls", save_fold="ckpt", verbose=0)
    CASES["images"][1](model, class_folders, tmp_path)
    for layer, options in CONVOLUTIONS:
        model.add(layer, **options)
    (tmp_path / "network.pickle").write_bytes(pickle.dumps(model))
    script = (
        "import pickle\n"
        "model = pickle.load(open('network.pickle', 'rb'))\n"
        "model.train(lr=0.01, epochs=1)\n"
        "print(model.history[0]['val_loss'] > 0)\n"
    )
    done = run_python(["-c", script], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
