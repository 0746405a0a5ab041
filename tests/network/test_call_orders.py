"""All orders of the calls on a network end as the plain order does."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from support.call_orders import CALLS, Walker, World
from support.frames import Frame

RNG = np.random.default_rng(0)


def scores(model, source):
    return np.stack([np.asarray(each.scores) for each in model.predict(source)])


def points(count, classes, scale=1.0):
    """Return four columns of different size, whose first determines the class."""
    labels = np.arange(count) % classes
    x = RNG.random((count, 4)) * [1, 100, 0.01, 1] * scale
    x[:, 0] += labels
    return x, labels


def write_table(path, names, x, labels):
    rows = [",".join([*(f"{v:.6g}" for v in row), str(label)]) for row, label in zip(x, labels, strict=True)]
    path.write_text("\n".join([",".join(names), *rows]) + "\n", encoding="utf-8")
    return str(path)


def dense(outputs, activation="softmax"):
    def add(model):
        model.add("linear", size=(4, 5), activation="relu")  # whose inputs match the data alone
        model.add("linear", size=(5, outputs), activation=activation)

    return add


def tables(folder):
    """Standardised columns with names; the other file has them in another order, and lacks a class."""
    x, y = points(12, 3)
    a = write_table(folder / "a.csv", ["a", "b", "c", "d", "label"], x, np.array(["x", "y", "z"])[y])
    x, y = points(8, 2, 3.0)
    b = write_table(
        folder / "b.csv", ["C", "a", "d", "b", "label"], x[:, [2, 0, 3, 1]], np.array(["z", "y"])[y]
    )
    load = {
        "data": lambda m: m.load_tab_data(a, standardize=True, shuffle=False),
        "other": lambda m: m.load_tab_data(b, shuffle=False),
    }
    both = {"data": a, "other": b}
    return World("cls", load, dense(3), both, both, scores)


def frames(folder):
    """DataFrames with integer labels, of which the other has others first."""
    x, y = points(12, 3)
    z, w = points(8, 2, 2.0)
    frame = Frame(dict(zip("abcd", x.T, strict=True)))
    other = Frame(dict(zip("bcda", z.T[[1, 2, 3, 0]], strict=True)))
    data = {"data": (frame, y + 4), "other": (other, 6 - w)}
    load = {name: lambda m, pair=pair: m.load_dataset(*pair, shuffle=False) for name, pair in data.items()}
    source = {name: pair[0] for name, pair in data.items()}
    return World("cls", load, dense(3), source, data, scores)


def values(folder):
    """Named targets, in another order in the other data."""
    x, _ = points(12, 3)
    z, _ = points(8, 2, 2.0)
    data = {
        "data": (Frame(dict(zip("abcd", x.T, strict=True))), Frame({"u": x[:, 0], "v": x[:, 1] / 50})),
        "other": (Frame(dict(zip("dcba", z.T[::-1], strict=True))), Frame({"v": z[:, 1], "u": z[:, 0]})),
    }
    load = {name: lambda m, pair=pair: m.load_dataset(*pair, shuffle=False) for name, pair in data.items()}
    source = {name: pair[0] for name, pair in data.items()}
    return World("reg", load, dense(2, None), source, data, scores)


def vectors(folder):
    """An embedding network, whose other data has classes that it has not seen."""
    x, y = points(12, 3)
    z, w = points(8, 2)
    data = {"data": (x, y), "other": (z, np.array(["new", "newer"])[w])}
    load = {name: lambda m, pair=pair: m.load_dataset(*pair, shuffle=False) for name, pair in data.items()}
    source = {name: pair[0] for name, pair in data.items()}
    return World(
        "embed", load, dense(2, None), source, data, lambda m, s: m.embed(np.float32(s)), readable=False
    )


def write_images(root, names, sizes, count=3):
    for place, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for number in range(count):
            size = sizes[(place + number) % len(sizes)]
            pixels = RNG.integers(60 * place, 60 * place + 60, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return str(root)


def convolution(outputs):
    def add(model):
        model.add("conv2d", size=(1, 2), kernel_size=3, activation="relu")
        model.add("linear", size=(2 * 4 * 4, outputs), activation="softmax")

    return add


def class_folders(folder):
    """Grey images of 6 x 6; the other folders hold colours in many sizes and two of the classes."""
    a = write_images(folder / "a", ["cat", "dog", "owl"], [(6, 6), (8, 7)])
    b = write_images(folder / "b", ["dog", "owl"], [(9, 9), (6, 6)], 4)
    load = {
        "data": lambda m: m.load_img_data(
            a,
            color="grayscale",
            shuffle=False,
            transform={"Resize": (6, 6), "Normalize": (0.3, 0.2)},
        ),
        "other": lambda m: m.load_img_data(
            b, classes=["owl", "dog"], shuffle=False, transform={"Resize": (12, 12)}
        ),
    }
    both = {"data": a, "other": b}
    return World("cls", load, convolution(3), both, both, scores)


def images(folder):
    """uint8 arrays, grey ones and coloured ones, with names in another order."""
    y, w = np.arange(9) % 3, np.arange(8) % 2
    x = (RNG.integers(0, 60, (9, 6, 6)) + 60 * y[:, None, None]).astype(np.uint8)
    z = (RNG.integers(0, 60, (8, 6, 6, 3)) + 60 * w[:, None, None, None]).astype(np.uint8)
    load = {
        "data": lambda m: m.load_dataset(x, y, classes=["p", "q", "r"], shuffle=False),
        "other": lambda m: m.load_dataset(z, w, classes=["r", "p"], shuffle=False),
    }
    labelled = {"data": (x, y), "other": (z, np.array(["r", "p"])[w])}

    def predict(model, source):
        return scores(model, list(source))

    return World("cls", load, convolution(3), {"data": x, "other": z}, labelled, predict)


def write_tokens(path, words, texts, labels=None):
    ids = np.array([[words.index(word) for word in text] for text in texts])
    arrays = {"data": ids, "words": np.array(words)}
    if labels is not None:
        arrays["label"] = np.array(labels)
    np.savez(path, **arrays)
    return str(path)


def tokens(folder):
    """Texts that are classified; the other file numbers its words in another way and lacks a class."""
    a = write_tokens(folder / "a.npz", list("abcd"), ["abca", "bcda", "ddaa", "abab"] * 2, list("xyzx") * 2)
    b = write_tokens(folder / "b.npz", list("dcba"), ["abca", "ddaa", "cbab", "dada"], list("zyzy"))
    load = {
        "data": lambda m: m.load_npz_data(a, shuffle=False),
        "other": lambda m: m.load_npz_data(b, shuffle=False),
    }

    def add(model):
        model.add("embedding", size=(4, 3))
        model.add("lstm", size=(3, 4), return_sequences=False)
        model.add("linear", size=(4, 3), activation="softmax")

    both = {"data": a, "other": b}
    return World("cls", load, add, both, both, scores)


WORLDS = [tables, frames, values, vectors, class_folders, images, tokens]


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["some", "every"])
@pytest.mark.parametrize("first", CALLS)
@pytest.mark.parametrize("world", WORLDS)
def test_every_order_ends_as_the_plain_one(world, first, every, tmp_path):
    walker = Walker(world(tmp_path), tmp_path)
    walker.walk(first, every)
    assert walker.steps == (65 if every else 5)
