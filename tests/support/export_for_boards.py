"""Export small models with the current code, for tests that run where torch is not installed.

    python tests/support/export_for_boards.py FOLDER

writes for each model NAME.onnx, and NAME.npz with the graph's input `x` and torch's `output` for it; and
a few images in FOLDER/images. poems.onnx writes text; poems.txt is what torch writes for the same seed.
doodles.onnx and doodles_loop.onnx draw images; doodles.npz holds what torch predicts and draws.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from onnxnn import nn
from onnxnn.datasets import Digits, digits, write_class_folders

NAMES = ("mlp", "cnn", "backbone")


def export_all(folder: Path) -> None:
    """Write all models, what torch computes, and the images."""
    folder.mkdir(parents=True, exist_ok=True)
    few = Digits(*(array[:60] for array in digits(size=28)))
    write_class_folders(few, folder / "images")
    torch.manual_seed(0)
    for name, network in (("mlp", mlp()), ("cnn", cnn(folder)), ("backbone", backbone(folder))):
        _export(network, folder, name)
    poems(folder)
    complaints(folder)
    reverse(folder)
    doodles(folder)


def mlp():
    """Four numbers to three classes, standardised inside the graph."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 4)).astype(np.float32)
    network = nn("cls", verbose=0)
    network.load_dataset(x, x.argmax(1) % 3, classes=["setosa", "versicolor", "virginica"])
    network.add("linear", size=(4, 10), activation="relu")
    network.add("batchnorm1d", size=10)
    network.add("linear", size=(10, 3), activation="softmax")
    return network


def cnn(folder):
    """Grey images of 28 x 28 to ten classes."""
    network = nn("cls", verbose=0)
    network.load_img_data(str(folder / "images"), color="grayscale", batch_size=20)
    network.add("conv2d", size=(1, 4), kernel_size=(3, 3), activation="relu")
    network.add("maxpool", kernel_size=(2, 2))
    network.add("batchnorm2d", size=4)
    network.add("dropout", p=0.2)
    network.add("linear", size=(4 * 13 * 13, 16), activation="relu")
    network.add("linear", size=(16, 10), activation="softmax")
    return network


def backbone(folder):
    """Colour images of any size to a vector of 1280 numbers and ten classes."""
    network = nn("cls", verbose=0)
    network.load_img_data(str(folder / "images"), transform={"Resize": (64, 64)}, batch_size=20)
    network.add("mobilenet_backbone", width=0.25)
    network.add("linear", size=(1280, 10), activation="softmax")
    return network


def poems(folder):
    """A network that writes text, and a text that torch wrote with it."""
    text = "春江潮水连海平，海上明月共潮生。滟滟随波千万里，何处春江无月明！"
    words = {word: number for number, word in enumerate(sorted(set(text)))}
    rows = [[words[word] for word in text[start : start + 9]] for start in range(len(text) - 8)]
    network = nn("gen", verbose=0)
    network.load_dataset(np.array(rows), word2idx=words, batch_size=8)
    network.add("em_lstm", size=(12, 24), num_layers=2)
    network.train(lr=0.02, epochs=4, save_fold=str(folder / "poems_checkpoint"))
    network.export(str(folder / "poems.onnx"))
    written = network.generate("春江", length=40, temperature=0.8, top_k=12, seed=3)
    (folder / "poems.txt").write_text(written, encoding="utf-8")


def complaints(folder):
    """The encoder that classifies sequences of tokens, padded with 0, and what torch says of some."""
    tokens = np.random.default_rng(2).integers(0, 9, (40, 7))
    network = nn("cls", verbose=0)
    network.load_dataset(tokens, np.arange(40) % 2, batch_size=20)
    network.add("embedding", size=(9, 8))
    network.add("positional_embedding", size=(12, 8))
    network.add("transformer_encoder", size=(8, 16), num_heads=2, num_layers=2)
    network.add("global_maxpool")
    network.add("linear", size=(8, 1), activation="sigmoid")
    network.export(str(folder / "complaints.onnx"))
    x = np.pad(tokens, ((0, 0), (0, 4)))
    np.savez(folder / "complaints.npz", x=x, output=network.inference(tokens))


def reverse(folder):
    """A network from sequence to sequence, what torch says comes next, and what it wrote."""
    draw = np.random.default_rng(3)
    source = draw.integers(3, 9, (30, 6))
    marks = [np.full((30, 1), 1), source[:, ::-1], np.full((30, 1), 2)]
    target = np.concatenate(marks, axis=1)
    network = nn("gen", verbose=0)
    network.load_dataset(source, target)
    network.add("transformer", source_vocab=9, target_vocab=9, size=(8, 16), max_length=9, num_heads=2)
    network.train(lr=0.01, epochs=30, save_fold=str(folder / "reverse_checkpoint"))
    network.export(str(folder / "reverse.onnx"))
    output = network.inference((source, target[:, :5]))
    np.savez(folder / "reverse.npz", x=source, target=target[:, :5], output=output)
    written = [network.generate(source, beams=beams) for beams in (1, 3)]
    (folder / "reverse.json").write_text(json.dumps(written), encoding="utf-8")


def doodles(folder):
    """A tiny diffusion model, with the loop and without, and what torch predicts and draws from a noise."""
    draw = np.random.default_rng(4)
    images = draw.integers(0, 256, (30, 8, 8), dtype=np.uint8)
    network = nn(verbose=0)
    network.load_dataset(images, np.arange(30) % 2, classes=["dots", "dashes"], batch_size=10)
    network.add("diffusion_model", img_size=8, timestep=40, dim=8, dim_mults=(1, 2), classes=True)
    network.train(lr=1e-3, epochs=2, metrics=[], save_fold=str(folder / "doodles_checkpoint"))
    network.export(str(folder / "doodles.onnx"))
    network.export(str(folder / "doodles_loop.onnx"), sampler="dpm++", steps=5, guidance=2.0)
    noise = draw.standard_normal((3, 1, 8, 8), dtype=np.float32)
    t, label = np.array([0, 17, 39]), np.array([1, 0, 2])
    with torch.no_grad():
        output = network.model.eval()[0](*map(torch.from_numpy, (noise, t, label))).numpy()
    images = network.sample(label=[1, 0, 1], guidance=2.0, steps=5, noise=noise)
    np.savez(folder / "doodles.npz", x=noise, t=t, label=label, output=output, images=images)


def _export(network, folder: Path, name: str) -> None:
    network.train(lr=1e-3, epochs=1, save_fold=str(folder / f"{name}_checkpoint"))
    network.export(str(folder / f"{name}.onnx"))
    shape = [3, *network.card().input.shape[1:]]
    sizes = [size if isinstance(size, int) else 64 for size in shape]
    x = np.random.default_rng(1).random(sizes).astype(np.float32)
    with torch.no_grad():
        output = network.model.eval()(torch.from_numpy(x)).numpy()
    np.savez(folder / f"{name}.npz", x=x, output=output)


if __name__ == "__main__":
    export_all(Path(sys.argv[1]))
