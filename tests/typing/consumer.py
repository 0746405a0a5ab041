"""What a user's script does with the three packages, typed strictly: see test_consumer.py."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import onnxnn_runtime as runtime
from PIL import Image
from typing_extensions import assert_type

import onnxnn
from onnxnn import Network, nn
from onnxnn.data import Batches
from onnxnn.training.history import History

Array = np.ndarray[Any, Any]
Loaded = Batches | tuple[Batches, Batches]


class Quiet(onnxnn.Callback):
    """Counts epochs, and ends a training after the second."""

    epochs = 0

    def on_epoch(self, trainer: onnxnn.training.trainer.Trainer) -> None:
        self.epochs = trainer.epoch
        trainer.stop = trainer.epoch >= 2


def write_images(folder: Path) -> Path:
    for number, name in enumerate(("bright", "dark")):
        (folder / name).mkdir(parents=True)
        for each in range(4):
            level = 200 - 150 * number + each
            Image.new("RGB", (16, 16), (level, level, level)).save(folder / name / f"{each}.png")
    return folder


def images(folder: Path) -> None:
    model: Network = nn("cls", save_fold=str(folder / "images"), verbose=0)
    loaded = model.load_img_data(write_images(folder / "dataset"), batch_size=4, train_val_ratio=0.5)
    assert_type(loaded, Loaded)
    model.add("conv2d", size=(3, 4), kernel_size=3, activation="relu")
    model.add("global_avgpool")
    model.add("linear", size=(4, 2), activation="softmax")
    watcher = Quiet()
    history = model.train(lr=0.01, epochs=3, metrics=["acc"], callbacks=[watcher])
    assert_type(history, History)
    assert_type(history[-1]["loss"], float)
    assert_type(history.best_epoch, "int | None")
    assert_type(model.evaluate(), dict[str, float])
    scores = model.inference(folder / "dataset" / "dark" / "0.png")
    assert_type(scores, Array)
    assert_type(model.print_result(scores), dict[int, dict[str, object]])
    assert_type(model.extract_feature(folder / "dataset" / "dark"), Array)
    assert_type(model.visual_feature(folder / "dataset" / "dark" / "0.png", save_fold=folder), list[Path])
    report = model.export(folder / "images.onnx")
    assert_type(report.path, Path)
    assert_type(report.size, int)
    assert_type(report.parity, dict[str, float])
    assert_type(model.save(folder / "images.pth"), Path)
    assert_type(onnxnn.pth_info(folder / "images.pth"), dict[str, object])


def images_without_torch(folder: Path) -> None:
    model = runtime.load(folder / "images.onnx", device="cpu")
    assert_type(model, runtime.Model)
    results = model.predict(folder / "dataset", k=2)
    assert_type(results, runtime.Predictions)
    best = results[0]
    assert_type(best, runtime.Prediction)
    assert_type(best.name, str)
    assert_type(best.top, tuple[tuple[str, float], ...])
    assert_type(best.label, "str | list[str] | None")
    report = runtime.verify(model)
    assert_type(report, runtime.VerificationReport)
    speed = runtime.benchmark(folder / "images.onnx", batch_sizes=[1], threads=1, seconds=0.01)
    assert_type(speed, runtime.BenchmarkReport)
    assert_type(speed.files[0].measurements[0].rate, "float | None")
    assert_type(report.passed, bool)
    card = model.card
    if card is not None:
        assert_type(card.output.classes, tuple[str, ...])
    gallery = runtime.Gallery.build(model, folder / "dataset", labels="pet")
    assert_type(gallery, runtime.Gallery)
    assert_type(gallery.search(gallery.names[0]), runtime.Matches)
    assert_type(gallery.search(gallery.names), list[runtime.Matches])
    assert_type(gallery.classify(gallery.names[0]).label, str)
    assert_type(gallery.duplicates(), list[runtime.Matches])
    vectors = runtime.load(folder / "images.onnx").embed_named(folder / "dataset")
    assert_type(vectors.names, list[str])
    assert_type(runtime.get_similarity(vectors.vectors, vectors.vectors), "np.ndarray | float")
    try:
        runtime.load(folder / "nothing.onnx")
    except runtime.OnnxnnError as error:
        assert_type(error.code, str)


def table(folder: Path) -> None:
    path = folder / "flowers.csv"
    rows = [[0.1 * row, 1 - 0.1 * row, row % 2] for row in range(10)]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["width", "length", "label"], *rows])
    model = nn("cls", save_fold=str(folder / "table"), verbose=0)
    model.set_seed(0)
    assert_type(model.load_tab_data(path, batch_size=5, standardize=True, label="label"), Loaded)
    model.add("linear", size=(2, 2), activation="softmax")
    model.add(optimizer="SGD")
    model.train(lr=0.1, epochs=2, schedule={"name": "step", "step_size": 1}, patience=3)
    assert_type(model.inference(path), Array)
    assert_type(model.inference([[0.1, 0.9]]), Array)
    assert_type(model.summary(), str)
    x = np.linspace(0, 1, 20, dtype=np.float32).reshape(10, 2)
    np.savez(folder / "arrays.npz", data=x, label=np.arange(10) % 2)
    arrays = nn("cls", save_fold=str(folder / "arrays"), verbose=0)
    assert_type(arrays.load_npz_data(folder / "arrays.npz", batch_size=5), Loaded)
    values = nn("reg", save_fold=str(folder / "values"), verbose=0)
    assert_type(values.load_dataset(x, x.sum(1), batch_size=5), Loaded)
    values.add("linear", size=(2, 1))
    values.train(epochs=1)
    values.export(folder / "values.onnx", tolerance=1e-3)
    again = runtime.load(folder / "values.onnx", device="cpu")
    assert_type(again.infer(x), np.ndarray)
    assert_type(again.infer({"input": x})["output"], np.ndarray)
    output = again.predict(x)[0]
    assert_type(dict(output.values), dict[str, float])


def text(folder: Path) -> None:
    words = {"a": 0, "b": 1, "c": 2}
    tokens = np.array([[0, 1, 2, 0], [1, 2, 0, 1]])
    model = nn("gen", save_fold=str(folder / "text"), verbose=0)
    model.load_dataset(tokens[:, :-1], tokens[:, 1:], word2idx=words)
    model.add("em_lstm", size=(8, 8))
    model.add(activation="softmax")
    model.train(epochs=1)
    assert isinstance(model.generate("ab", length=5, temperature=0.5, seed=0), str)
    probabilities, hidden = model.inference("a", hidden=None)
    del probabilities, hidden
    model.export(folder / "text.onnx")
    again = runtime.load(folder / "text.onnx", device="cpu")
    assert isinstance(again.generate("ab", length=5, seed=0), str)
    assert isinstance(again.generate(["a", "b"], length=5, seed=0), list)


def diffusion(folder: Path) -> None:
    model = nn("gen", save_fold=str(folder / "diffusion"), verbose=0)
    model.load_img_data(folder / "dataset", color="grayscale")
    model.add("diffusion_model", img_size=16, timestep=10, dim=8, dim_mults=(1, 2))
    model.train(epochs=1, samples_every=0)
    assert_type(model.sample(num=2, steps=2, seed=0), Array)
    assert_type(model.inference(num=2, steps=2, return_all_timesteps=True), Array)
    model.export(folder / "diffusion.onnx")
    drawn = runtime.load(folder / "diffusion.onnx", device="cpu").sample(num=1, steps=2, seed=0)
    assert_type(drawn, np.ndarray)


def main(folder: Path) -> None:
    images(folder)
    images_without_torch(folder)
    table(folder)
    text(folder)
    diffusion(folder)


if __name__ == "__main__":
    main(Path())
