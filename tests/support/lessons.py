"""The networks of the lessons, small, and their training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxnn import nn
from support.paths import TESTS
from support.prepared import run_python

DRAW = np.random.default_rng(0)
LETTERS = "ehlo"
POEM = "春江潮水连海平，海上明月共潮生。"
WORDS = {word: number for number, word in enumerate(dict.fromkeys(POEM))}
ACTIONS = ["walking", "boxing", "waving"]


class TwoSteps(torch.nn.Module):
    """The module of the appendix: two LSTMs, the last step of the second through a third."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm1 = torch.nn.LSTM(12, 8, batch_first=True)
        self.dropout = torch.nn.Dropout(0.2)
        self.lstm2 = torch.nn.LSTM(8, 10, batch_first=True)
        self.lstm3 = torch.nn.LSTM(10, 10, batch_first=True)
        self.norm = torch.nn.BatchNorm1d(10)
        self.dense = torch.nn.Linear(10, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, _ = self.lstm1(x)
        x, _ = self.lstm2(self.dropout(x))
        x, _ = self.lstm3(x[:, -1, :].unsqueeze(1))
        return torch.softmax(self.dense(self.norm(x.squeeze())), 1)


@dataclass(frozen=True)
class Lesson:
    """A network and what it learns from.

    Args:
        x: Samples; for a transformer the sources.
        y: Labels or targets; None where the next token is the label.
        layers: (name, options) or a module, one for each `add`.
        other: Shape of a sample of another size, where sizes are free.
        task: As in nn("cls").
        load: Options of `load_dataset`.
        train: Options of `train`.
    """

    x: np.ndarray
    y: Any
    layers: list[Any]
    other: tuple[int, ...] | None = None
    task: str = "cls"
    load: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)

    def inputs(self) -> list[dict[str, np.ndarray]]:
        """Return what to run: one sample as in training, and three of another size where sizes are free."""
        found = []
        for batch, shape in ((1, self.x.shape[1:]), (3, self.other or self.x.shape[1:])):
            given = {"input": self._drawn(batch, *shape)}
            if self.translates:
                given["target"] = DRAW.integers(3, 9, (batch, 4 + batch))
            found.append(given)
        return found

    def _drawn(self, *shape: int) -> np.ndarray:
        if self.x.dtype.kind == "i":
            return DRAW.integers(0, self.x.max() + 1, shape)
        return DRAW.random(shape, np.float32)

    @property
    def translates(self) -> bool:
        """Whether it goes from sequence to sequence, and so has two inputs."""
        return isinstance(self.layers[0], tuple) and self.layers[0][0] == "transformer"


def images(count: int, size: int, channels: int = 3) -> np.ndarray:
    return DRAW.random((count, channels, size, size), np.float32)


def conv(size: int, kernel_size: int = 3, **options: Any) -> tuple[str, dict[str, Any]]:
    return "conv2d", {"size": size, "kernel_size": kernel_size, "padding": kernel_size // 2, **options}


def linear(size: int, activation: str | None = None) -> tuple[str, dict[str, Any]]:
    return "linear", {"size": size, "activation": activation}


HEAD = [("global_avgpool", {}), linear(3, "softmax")]


def resnet(kind: str, depths: tuple[int, ...], spelled_out: bool = False) -> Lesson:
    layers = [conv(4, 7, stride=2, bias=False), ("batchnorm2d", {"activation": "relu"})]
    layers.append(("maxpool", {"kernel_size": 3, "stride": 2, "padding": 1}))
    for stage, depth in enumerate(depths):
        strides = [2 if stage else 1] + [1] * (depth - 1)
        if spelled_out:
            layers += [(kind, {"size": 4 * 2**stage, "stride": stride}) for stride in strides]
        else:
            layers.append((kind, {"size": 4 * 2**stage, "num_blocks": depth, "stride": strides[0]}))
    return Lesson(images(4, 32), [0, 1, 2, 0], [*layers, *HEAD], other=(3, 45, 50))


POSES, ACTION_LABELS = DRAW.random((6, 30, 12), np.float32), np.arange(6) % 3
SHORT = [("action_model", {"size": (12, 16)}), linear(8), linear(3), ("softmax", {})]
FULL = [
    ("lstm", {"size": (12, 8)}),
    ("dropout", {"p": 0.2}),
    ("lstm", {"size": (8, 10)}),
    ("dropout", {"p": 0.2}),
    ("unsqueeze", {}),
    ("lstm", {"size": (10, 10)}),
    ("part0", {}),
    ("squeeze", {}),
    ("batchNorm1d", {"size": 10}),
    linear(8),
    linear(3, "softmax"),
]


def actions(layers: list[Any], one_hot: bool) -> Lesson:
    y = np.eye(3)[ACTION_LABELS] if one_hot else ACTION_LABELS
    return Lesson(POSES, y, layers, other=(9, 12), load={"classes": ACTIONS})


HELLO = np.array([[LETTERS.index(letter) for letter in "hello"]] * 2)
OHLOL = np.array([[LETTERS.index(letter) for letter in "ohlol"]] * 2)
SENTENCES, MOODS = DRAW.integers(0, 20, (6, 12)), [0, 1] * 3
CONVOLUTIONS = [
    ("conv1d", {"size": 6, "kernel_size": 3, "activation": "relu"}),
    ("conv1d", {"size": 5, "kernel_size": 3, "activation": "relu"}),
    ("mean", {}),
    linear(2, "softmax"),
]


def googlenet() -> list[Any]:
    module = ("inception", {"size": (None, 4, (3, 6), (2, 3), 3)})  # 16 channels come out
    aid = ("auxiliary_head", {"size": 3})
    pool = ("maxpool", {"kernel_size": 3, "stride": 2, "padding": 1})
    nine = [module, module, pool, module, aid, module, module, module, aid, module, pool, module, module]
    return [conv(8, 7, stride=2, activation="relu"), ("lrn", {}), *nine, ("dropout", {"p": 0.4}), *HEAD]


ALEXNET = [
    conv(8, 11, stride=4, activation="relu"),
    ("lrn", {"size": 5, "alpha": 5e-4, "k": 2.0}),
    ("maxpool", {"kernel_size": 3, "stride": 2}),
    conv(12, 5, groups=2, activation="relu"),
    ("lrn", {"size": 5, "alpha": 5e-4, "k": 2.0}),
    ("maxpool", {"kernel_size": 3, "stride": 2}),
    conv(12, groups=2, activation="relu"),
    ("dropout", {"p": 0.5}),
    linear(16, "relu"),
    linear(3, "softmax"),
]
CLIPS = DRAW.random((4, 3, 6, 10, 10), np.float32)
RESIDUE = [("batchnorm2d", {"activation": "relu"}), conv(6), ("batchnorm2d", {"activation": "relu"}), conv(6)]
SOURCE = DRAW.integers(3, 9, (4, 6))
TARGET = np.column_stack([np.full(4, 1), SOURCE[:, ::-1], np.full(4, 2)])
WAVE = np.sin(np.arange(40) / 4).astype(np.float32)
WINDOWS = np.stack([WAVE[i : i + 12] for i in range(20)])[:, :, None]

LESSONS = {
    "resnet18": resnet("res_block", (2, 2, 2, 2)),
    "resnet18 spelled out": resnet("Res_Block", (2, 2, 2, 2), spelled_out=True),
    "resnet34": resnet("res_block", (3, 4, 6, 3)),
    "resnet50": resnet("res_bottleneck", (3, 4, 6, 3)),
    "actions, short, one-hot": actions(SHORT, one_hot=True),
    "actions, short, numbers": actions(SHORT, one_hot=False),
    "actions, full, one-hot": actions(FULL, one_hot=True),
    "actions, full, numbers": actions(FULL, one_hot=False),
    "poems": Lesson(
        np.array([[WORDS[word] for word in POEM[i : i + 9]] for i in range(6)]),
        None,
        [("em_lstm", {"size": (6, 10), "num_layers": 2})],
        other=(20,),
        task="gen",
        load={"word2idx": WORDS},
    ),
    "hello, one-hot": Lesson(
        np.eye(4, dtype=np.float32)[HELLO],
        OHLOL,
        [("rnn", {"size": (4, 8)}), linear(4, "softmax")],
        other=(17, 4),
        load={"classes": list(LETTERS)},
    ),
    "hello, embedding": Lesson(
        HELLO,
        OHLOL,
        [("embedding", {"size": (4, 6)}), ("rnn", {"size": (6, 8)}), linear(4, "softmax")],
        other=(17,),
        load={"classes": list(LETTERS)},
    ),
    "time series": Lesson(
        WINDOWS,
        WAVE[12:32],
        [("rnn", {"size": (1, 64), "return_sequences": False}), ("linear", {"size": (64, 1)})],
        other=(20, 1),
        task="reg",
        train={"loss": "MSELoss"},
    ),
    "sentiment, channels first": Lesson(
        SENTENCES,
        MOODS,
        [("embedding", {"size": (20, 8), "channels_first": True}), *CONVOLUTIONS],
        other=(19,),
    ),
    "sentiment, permuted": Lesson(
        SENTENCES,
        MOODS,
        [("embedding", {"size": (20, 8)}), ("permute", {"axes": (2, 1)}), *CONVOLUTIONS],
        other=(19,),
    ),
    "cat or not": Lesson(
        images(4, 12),
        ["not", "cat", "not", "cat"],
        [conv(4, activation="relu"), ("maxpool", {"kernel_size": 2}), HEAD[0], linear(1, "sigmoid")],
        other=(3, 15, 14),
        train={"loss": "binary_crossentropy"},
    ),
    "separable": Lesson(
        images(4, 12),
        [0, 1, 2, 0],
        [
            ("separable_conv2d", {"size": 6, "kernel_size": 3, "padding": 1, "activation": "relu"}),
            ("separable_conv2d", {"size": 8, "kernel_size": 3, "stride": 2}),
            conv(8, groups=2, dilation=2),
            *HEAD,
        ],
        other=(3, 15, 17),
    ),
    "video": Lesson(
        CLIPS,
        [0, 1, 2, 0],
        [
            ("conv3d", {"size": 4, "kernel_size": 3, "padding": 1, "activation": "relu"}),
            ("batchnorm3d", {}),
            ("maxpool3d", {"kernel_size": 2}),
            ("conv3d", {"size": 6, "kernel_size": (1, 3, 3)}),
            *HEAD,
        ],
        other=(3, 9, 13, 11),
    ),
    "alexnet": Lesson(images(4, 48), [0, 1, 2, 0], ALEXNET),
    "googlenet": Lesson(images(4, 32), [0, 1, 2, 0], googlenet(), other=(3, 45, 38)),
    "encoder": Lesson(
        SENTENCES,
        MOODS,
        [
            ("embedding", {"size": (20, 8)}),
            ("positional_embedding", {"size": (24, 8)}),
            ("transformer_encoder", {"size": (8, 16), "num_heads": 2, "num_layers": 2}),
            ("global_maxpool", {}),
            linear(1, "sigmoid"),
        ],
        other=(21,),
        train={"loss": "binary_crossentropy"},
    ),
    "reversal": Lesson(
        SOURCE,
        TARGET,
        [
            (
                "transformer",
                {"source_vocab": 9, "target_vocab": 9, "size": (8, 16), "max_length": 18, "num_heads": 2},
            )
        ],
        other=(17,),
        task="gen",
    ),
    "a module of one's own": Lesson(POSES, ACTION_LABELS, [TwoSteps()], other=(9, 12)),
    "residual branches": Lesson(
        images(4, 12),
        [0, 1, 2, 0],
        [conv(6), ("branches", {"paths": [RESIDUE, []], "merge": "add"}), *HEAD],
        other=(3, 15, 17),
    ),
}


def infer(model: Any, given: dict[str, np.ndarray]) -> np.ndarray:
    """Return what torch gives."""
    arrays = tuple(given.values())
    return np.asarray(model.inference(arrays if len(arrays) > 1 else arrays[0]))


class School:
    """The trained networks, their checkpoints and files, and what they are asked.

    Attributes:
        folder: Where NAME.pth and NAME.onnx lie.
        models: The networks as they were trained.
        inputs: What each is asked.
        outputs: What each answers.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.models, self.inputs, self.outputs = {}, {}, {}
        for name, lesson in LESSONS.items():
            model = nn(lesson.task, verbose=0, save_fold=str(folder))
            model.set_seed(0)
            model.load_dataset(lesson.x, lesson.y, **lesson.load)
            for layer in lesson.layers:
                given, options = layer if isinstance(layer, tuple) else (layer, {})
                model.add(given, **options)
            history = model.train(lr=1e-3, epochs=1, filename=f"{name}.pth", **lesson.train)
            assert np.isfinite(history[0]["loss"])
            self.models[name], self.inputs[name] = model, lesson.inputs()
            self.outputs[name] = [infer(model, given) for given in self.inputs[name]]

    def ask_a_fresh_process(self) -> dict[str, np.ndarray]:
        """Return what the networks answer when they are reloaded elsewhere, as NAME/number."""
        arrays = {
            f"{name}/{number}/{key}": value
            for name, several in self.inputs.items()
            for number, given in enumerate(several)
            for key, value in given.items()
        }
        np.savez(self.folder / "inputs.npz", **arrays)
        script = (
            f"import sys; sys.path.insert(0, {str(TESTS)!r}); from support.lessons import answer; answer()"
        )
        run_python(["-c", script], self.folder).check_returncode()
        with np.load(self.folder / "outputs.npz") as found:
            return dict(found)


def answer() -> None:
    """Reload every network in the working folder, infer on inputs.npz, and write outputs.npz."""
    outputs = {}
    with np.load("inputs.npz") as inputs:
        for name in LESSONS:
            model = nn(verbose=0)
            if name == "a module of one's own":
                model.add(TwoSteps())
            model.load(f"{name}.pth")
            for number in range(2):
                asked = f"{name}/{number}"
                keys = [f"{asked}/{key}" for key in ("input", "target")]
                outputs[asked] = infer(model, {key: inputs[key] for key in keys if key in inputs})
    np.savez("outputs.npz", **outputs)
