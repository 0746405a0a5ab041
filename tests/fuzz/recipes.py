"""Recipes, damaged and hostile, through the reader, the training and the export."""

from __future__ import annotations

import functools
import io
import random
import shutil
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import yaml
from PIL import Image
from support.mutations import HOSTILE, mutate_bytes, mutate_data
from support.paths import ROOT

import onnxnn.recipe
from onnxnn.datasets import Digits, digits
from onnxnn.network import Network
from onnxnn.training.callbacks import Callback

CASES = 3800

TABLE = """
task: cls
seed: 3
data: {table: rows.csv, batch_size: 4, shuffle: true, train_val_ratio: 0.8}
layers:
  - linear: {size: [2, 4], activation: relu}
  - dropout: {p: 0.1}
  - linear: {size: 2, activation: softmax}
optimizer: {name: SGD, momentum: 0.5}
train: {lr: 1e-2, epochs: 1, metrics: [acc], schedule: cosine, clip: 1.0, patience: 3, filename: a.pth}
save_fold: out
export: {path: out/model.onnx, opset_version: 13}
"""
NPZ = """
task: reg
data: {npz: rows.npz, batch_size: 4}
layers:
  - lstm: {size: [3, 4], num_layers: 1}
  - unsqueeze
  - squeeze
  - linear: {size: 1}
train: {epochs: 1, loss: MSELoss, schedule: {name: step, step_size: 1}, ema: 0.9}
save_fold: out
"""
IMAGES = """
task: cls
data:
  images: images
  classes: [cat, dog]
  color: grayscale
  transform: {Resize: [8, 8], RandomHorizontalFlip: 0.5}
  num_workers: 1
layers:
  - conv2d: {size: 2, kernel_size: 3, padding: 1, activation: relu}
  - maxpool: {kernel_size: 2}
  - batchnorm2d
  - global_avgpool
  - linear: {size: 2, activation: softmax}
train: {epochs: 1, batch_size: 2}
save_fold: out
export: out/model.onnx
"""
DIGITS = """
task: gen
data: {digits: 8, batch_size: 4}
layers:
  - diffusion_model: {img_size: 8, timestep: 10, classes: true, dim: 8, dim_mults: [1, 2]}
train: {epochs: 1, samples_every: 0}
save_fold: out
"""

CONSTRUCTS = (
    "&a ",
    "*a",
    "!!int ",
    "!!bool ",
    "!!timestamp ",
    "!!binary ",
    "!!set ",
    "!!python/name:os.system ",
    "? ",
    "- ",
    "<<: ",
    "---\n",
    "...\n",
    "%YAML 9.9\n---\n",
    "|\n  ",
    ">\n  ",
    "[",
    "{",
    "]",
    "}",
    '"',
    "'",
    "#",
    "\t",
    "\x00",
    "\ufeff",
    "\u2028",
    '"\\ud800"',
    '"\\U99999999"',
    "9" * 5000,
    "1e999",
    ".nan",
    ".inf",
    "-",
    "~",
    "null",
    "no",
    "2019-01-01",
    "1:30",
    "0x10",
    "0o17",
    "[" * 100,
    "{a: " * 100,
    "a" * 300,
    "a" * 20_000,
    "1" + "0" * 29,
)
"""What YAML has, put somewhere into a recipe."""

ODD = (
    *HOSTILE,
    10**5,
    10**6,
    2**31,
    10**29,
    1e29,
    -(10**9),
    "/dev/zero",
    "pipe",
    "..",
    "/",
    "a" * 300,
    "a\nb",
    "~",
    "*",
    "none.csv",
    "recipe.yaml",
    "out",
    "http://example.org/a.csv",
    "yes",
    "relu",
    "linear",
    "Adam",
    [1, 2, 3],
    {"name": "x"},
)
"""Values that a key may have instead of its own."""


class StopSoon(Callback):
    """Ends a training that a recipe asks to be of a billion epochs."""

    def on_epoch(self, trainer: object) -> None:
        trainer.stop = True  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=1)
def prepared() -> tuple[Path, tuple[str, ...]]:
    """Return a folder with tiny data, and the recipes; trainings end after one epoch."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    rows = [f"{i % 7},{i % 3},{i % 2}" for i in range(20)]
    (folder / "rows.csv").write_text("a,b,label\n" + "\n".join(rows), encoding="utf-8")
    numbers = np.random.default_rng(0)
    np.savez(folder / "rows.npz", data=numbers.random((12, 5, 3), np.float32), label=numbers.random(12))
    for number in range(12):
        place = folder / "images" / ("cat" if number % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(numbers.integers(0, 255, (10, 12, 3), np.uint8)).save(place / f"{number}.png")
    few = {size: Digits(*(part[:20] for part in digits(size))) for size in (8, 28, 32, 64)}
    onnxnn.recipe.digits = lambda size: few[min(few, key=lambda known: abs(known - size))]
    train = Network.train
    short = functools.wraps(train)(
        lambda self, **options: train(self, **{"callbacks": [StopSoon()], **options})
    )
    Network.train = short  # type: ignore[method-assign]
    shipped = [ROOT / f"recipes/{name}.yaml" for name in ("lenet", "diffusion")]
    texts = [TABLE, NPZ, IMAGES, DIGITS] * 3 + [path.read_text(encoding="utf-8") for path in shipped]
    return folder, tuple(texts)


def mutant(text: str, stream: random.Random) -> bytes:
    """Return a damaged or hostile recipe."""
    kind = stream.randrange(8)
    if kind == 0:
        return mutate_bytes(text.encode(), stream)
    if kind == 1:
        place = stream.choice([i for i, character in enumerate(text) if character in " :\n,[{"]) + 1
        return (text[:place] + stream.choice(CONSTRUCTS) + text[place:]).encode("utf-8", "surrogatepass")
    if kind == 2:
        lines = text.splitlines()
        number = stream.randrange(len(lines))
        lines[number : number + 1] = stream.choice(
            ([], [lines[number]] * 2, [" " + lines[number]], ["", "x"])
        )
        return "\n".join(lines).encode()
    data = yaml.safe_load(text)
    for _ in range(stream.choice((1, 1, 1, 2, 3))):
        data = mutate_data(data, stream, ODD)
    return _dumped(data)


def _dumped(data: object) -> bytes:
    """Return data as YAML in one line, without the aliases that PyYAML would write."""

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    text = yaml.dump(data, Dumper=Plain, allow_unicode=True, default_flow_style=None, width=10**6)
    return text.encode("utf-8", "surrogatepass")


def check(number: int) -> None:
    """Run recipe `number`."""
    stream = random.Random(number)
    folder, texts = prepared()
    path = folder / "recipe.yaml"
    path.write_bytes(mutant(stream.choice(texts), stream))
    for left in ("out", "checkpoints"):
        shutil.rmtree(folder / left, ignore_errors=True)
    with redirect_stdout(io.StringIO()):
        onnxnn.recipe.read_recipe(path).run()
