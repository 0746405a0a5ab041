"""Every kind of network, small and untrained, exported as users export it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxnn_runtime as rt
import torch
from support.onnx_check import shake

from onnxnn import nn
from onnxnn.datasets import Digits, write_class_folders

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]

Case = Callable[..., tuple[Arrays, Arrays]]
"""(path, options of `export`) -> the inputs of the file that it writes, and what torch returns for them."""

WORDS = {word: number for number, word in enumerate("春江潮水连海平上明")}


class Squeezed(torch.nn.Module):
    """A module of a user's own: two convolutions around a mean over the image."""

    def __init__(self) -> None:
        super().__init__()
        self.before = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.gate = torch.nn.Linear(4, 4)
        self.norm = torch.nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the gated features."""
        y = torch.relu(self.norm(self.before(x)))
        return y * torch.sigmoid(self.gate(y.mean((2, 3))))[:, :, None, None]


def _network(task: str | None, *layers: Any, x: Array | None = None, y: Any = None, **load: Any) -> Any:
    """Return an untrained network of (name, options), or modules, that has seen data."""
    network = nn(task, verbose=0) if task else nn(verbose=0)
    network.set_seed(0)
    if x is not None:
        network.load_dataset(*((x,) if y is None else (x, y)), **load)
    for each in layers:
        if isinstance(each, torch.nn.Module):
            network.add(each)
        else:
            network.add(each[0], **each[1])
    shake(network.model)
    return network


def _forward(network: Any, *arrays: Array) -> Any:
    with torch.no_grad():
        return network.model.eval()(*map(torch.from_numpy, arrays))


def _plain(network: Any, x: Array) -> Case:
    """Return the case of a network with one input and one output."""

    def case(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
        network.export(str(path), **export)
        return {"input": x}, {"output": _forward(network, x).numpy()}

    return case


def _draw(*sizes: int) -> Array:
    return np.random.default_rng(0).standard_normal(sizes).astype(np.float32)


def _tokens(*sizes: int) -> Array:
    return np.random.default_rng(0).integers(3, 9, sizes)


def table(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
    """Numbers of a table to classes, standardised in the graph."""
    x = _draw(40, 4)
    layers = [("linear", {"size": (4, 8), "activation": "relu"}), ("batchnorm1d", {"size": 8})]
    layers.append(("linear", {"size": (8, 3), "activation": "softmax"}))
    return _plain(_network("cls", *layers, x=x * 3 + 5, y=x.argmax(1) % 3), x[:3])(path, **export)


def values(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
    """Numbers of a table to two values in their units."""
    x = _draw(40, 4)
    return _plain(_regression(x, x[:, :2] * 50 + 7), x[:3])(path, **export)


def counts(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
    """Numbers of a table to counts, whose logarithm is learned."""
    x = _draw(40, 4)
    network = _regression(x, np.abs(x[:, :2] * 4).round().astype(np.float32), loss="PoissonNLLLoss")
    return _plain(network, x[:3])(path, **export)


def _regression(x: Array, y: Array, **options: Any) -> Any:
    """Return a network that was trained, so that it ends in the units of the values."""
    layers = [("linear", {"size": (4, 8), "activation": "tanh"}), ("linear", {"size": (8, 2)})]
    network = _network("reg", *layers, x=x, y=y)
    with tempfile.TemporaryDirectory() as folder:
        network.train(lr=0.01, epochs=1, save_fold=folder, **options)
    return network


IMAGES = np.random.default_rng(0).integers(0, 256, (20, 24, 20, 3), dtype=np.uint8)
CONVOLUTIONS = [
    ("conv2d", {"size": (3, 4), "kernel_size": 3, "activation": "relu"}),
    ("maxpool", {"kernel_size": 2}),
    ("batchnorm2d", {"size": 4}),
    ("dropout", {"p": 0.2}),
]
CLASSIFIER = ("linear", {"size": 3, "activation": "softmax"})


def _image_classifier() -> Any:
    layers = [*CONVOLUTIONS, ("flatten", {}), CLASSIFIER]
    return _network("cls", *layers, x=IMAGES, y=np.arange(20) % 3)


def images(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
    """Images to classes."""
    x = np.random.default_rng(1).random((3, 3, 24, 20), dtype=np.float32)
    return _plain(_image_classifier(), x)(path, **export)


def images_in_graph(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
    """The same with preprocessing in the graph: pixels of any size go in."""
    with tempfile.TemporaryDirectory() as folder:
        write_class_folders(Digits(IMAGES, np.arange(20) % 3), Path(folder) / "images")
        network = nn("cls", verbose=0)
        network.set_seed(0)
        network.load_img_data(str(Path(folder) / "images"), transform={"Resize": (24, 20)})
    for name, options in [*CONVOLUTIONS, ("flatten", {}), CLASSIFIER]:
        network.add(name, **options)
    shake(network.model)
    network.export(str(path), preprocess="graph", **export)
    pixels = np.random.default_rng(1).integers(0, 256, (2, 31, 47, 3), dtype=np.uint8)
    preprocess = rt.load(str(path), device="cpu").card.input.preprocess
    x = np.stack([preprocess(image) for image in pixels])
    return {"input": pixels}, {"output": _forward(network, x).numpy()}


def _encoder(*layers: Any) -> Case:
    """Return the case of an encoder of images of any size, and of the vector before its last layer."""

    def case(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
        network = _network("cls", *layers, CLASSIFIER, x=IMAGES, y=np.arange(20) % 3)
        network.export(str(path), **export)
        x = np.random.default_rng(1).random((2, 3, 33, 47), dtype=np.float32)
        vector = torch.from_numpy(x)
        with torch.no_grad():
            for module in list(network.model.eval())[: len(layers)]:
                vector = module(vector)
        outputs = {"output": _forward(network, x).numpy(), "embedding": vector.flatten(1).numpy()}
        return {"input": x}, outputs

    return case


def own_module(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
    """A module of a user's own, written by torch's exporter."""
    network = _network("cls", Squeezed(), ("global_avgpool", {}), CLASSIFIER, x=IMAGES, y=np.arange(20) % 3)
    return _plain(network, np.random.default_rng(1).random((3, 3, 24, 20), dtype=np.float32))(path, **export)


def movements(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
    """Sequences of numbers to classes."""
    x = _draw(30, 6, 5)
    layers = [("lstm", {"size": (5, 8)}), ("gru", {"size": (8, 6), "return_sequences": False}), CLASSIFIER]
    return _plain(_network("cls", *layers, x=x, y=np.arange(30) % 3), x[:3])(path, **export)


def complaints(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
    """Sequences of tokens of different lengths to a probability, by an encoder with attention."""
    tokens = _tokens(40, 7)
    layers = [
        ("embedding", {"size": (9, 8)}),
        ("positional_embedding", {"size": (12, 8)}),
        ("transformer_encoder", {"size": (8, 16), "num_heads": 2, "num_layers": 2}),
        ("global_maxpool", {}),
        ("linear", {"size": (8, 1), "activation": "sigmoid"}),
    ]
    network = _network("cls", *layers, x=tokens, y=np.arange(40) % 2)
    padded = tokens[:3].copy()
    padded[1, 4:] = 0
    return _plain(network, padded)(path, **export)


def poems(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
    """A language model, whose states go in and out."""
    tokens = _tokens(30, 6)
    network = _network("gen", ("em_lstm", {"size": (4, 8), "num_layers": 2}), x=tokens, word2idx=WORDS)
    network.export(str(path), **export)
    last = 3 if export.get("fixed_shapes") else tokens.shape[1]  # with fixed shapes one token at a time
    states = rt.load(str(path), device="cpu").card.input.states
    with torch.inference_mode():
        _, before = network.model.eval().step(torch.from_numpy(tokens[:3, :2]))
        output, after = network.model.step(torch.from_numpy(tokens[:3, 2:last]), before)
    feeds = {state.name: array.numpy() for state, array in zip(states, before, strict=True)}
    outputs = {state.next: array.numpy() for state, array in zip(states, after, strict=True)}
    return {"input": tokens[:3, 2:last], **feeds}, {"output": output.numpy(), **outputs}


def reversal(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
    """From sequence to sequence: what comes after each token of the target, which is read at once."""
    source = _tokens(30, 6)
    target = np.concatenate([np.full((30, 1), 1), source[:, ::-1], np.full((30, 1), 2)], axis=1)
    options = {"source_vocab": 9, "target_vocab": 9, "size": (8, 16), "max_length": 9, "num_heads": 2}
    network = _network("gen", ("transformer", options), x=source, y=target)
    network.export(str(path), **export)
    model = rt.load(str(path), device="cpu")
    feeds: Arrays = {"input": source[:3], "target": target[:3, :5]}
    for name, (dtype, shape) in model.inputs.items():
        if name not in feeds:  # nothing was read yet
            sizes = [3 if size == "batch" else size if isinstance(size, int) else 0 for size in shape]
            feeds[name] = np.zeros(sizes, dtype)
    given = (torch.from_numpy(source[:3]), torch.from_numpy(target[:3, :5]))
    with torch.inference_mode():
        return feeds, {"output": network.model.eval()(given).numpy()}


def _denoiser(**options: Any) -> Any:
    """Return a network that says something though it learned nothing."""
    sizes = {"img_size": 8, "timestep": 20, "dim": 8, "dim_mults": (1, 2)}
    network = _network(None, ("diffusion_model", {**sizes, **options}))
    with torch.no_grad():
        for name, parameter in network.model.named_parameters():
            if not parameter.any() or "memory" in name:  # begun with zeros, which would hide all before
                torch.nn.init.normal_(parameter, std=0.1)
    return network


def _prediction(**options: Any) -> Case:
    """Return the case of what a denoiser predicts."""

    def case(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
        network = _denoiser(**options)
        network.export(str(path), **export)
        feeds: Arrays = {"x": _draw(3, *network.model[0].image_shape), "t": np.array([0, 7, 19])}
        if "classes" in options:
            feeds["label"] = np.array([1, 0, 3])
        with torch.inference_mode():
            output = network.model.eval()[0](*map(torch.from_numpy, feeds.values()))
        return feeds, {"output": output.numpy()}

    return case


def _loop(sampler: str) -> Case:
    """Return the case of a sampling loop in the graph."""

    def case(path: Path, **export: Any) -> tuple[Arrays, Arrays]:
        network = _denoiser(classes=3)
        network.export(str(path), sampler=sampler, steps=4, guidance=2.0, **export)
        noise, label = _draw(2, *network.model[0].image_shape), np.array([1, 2])
        options: Mapping[str, Any] = {"label": label, "guidance": 2.0, "steps": 4, "sampler": sampler}
        return {"noise": noise, "label": label}, {"images": network.sample(noise=noise, **options)}

    return case


BACKBONE = ("mobilenet_backbone", {"width": 0.25})
LITE = ("efficientnet_lite0", {})

KINDS: dict[str, Case] = {
    "classes of a table": table,
    "values of a table": values,
    "counts of a table": counts,
    "classes of images": images,
    "the same, preprocessing in the graph": images_in_graph,
    "encoder and classes, MobileNetV2": _encoder(BACKBONE),
    "encoder and classes, EfficientNet-Lite0": _encoder(LITE),
    "a module of one's own": own_module,
    "classes of sequences": movements,
    "classes of texts": complaints,
    "language model": poems,
    "from sequence to sequence": reversal,
    "denoiser": _prediction(),
    "denoiser with classes": _prediction(classes=3),
    "denoiser as in BaseNN": _prediction(preset="basenn"),
    "sampling loop, DPM-Solver++": _loop("dpm++"),
    "sampling loop, DDIM": _loop("ddim"),
}
"""Kind of network -> what writes its file, and returns inputs and what torch returns for them."""
