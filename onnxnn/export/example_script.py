"""The few-line script that lies beside an exported file and runs as it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from onnxnn_runtime import ModelCard
from onnxnn_runtime.card.labels import THRESHOLD
from onnxnn_runtime.card.tokens import is_words, token_count
from onnxnn_runtime.files.access import first_bytes, write_atomically
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.warn import warn
from onnxnn_runtime.outputs.output_files import check_output
from PIL import Image
from PIL.PngImagePlugin import PngInfo

if TYPE_CHECKING:
    from onnxnn.kinds.kind import NetworkKind

Array = np.ndarray[Any, Any]

_MAX_LITERALS = 64
_RUNTIME = "import onnxnn_runtime as rt"
_FIRST = "# 用 onnxnn_runtime 运行"


class ScriptBody(NamedTuple):
    """What a script holds beside opening the model, line by line.

    Args:
        sample: Reads or writes down a sample.
        use: Runs the model on it.
        imports: What the script needs.
    """

    sample: list[str]
    use: list[str]
    imports: tuple[str, ...] = (_RUNTIME,)


def write_script(kind: NetworkKind, model: Path, card: ModelCard, example: Array | None) -> Path | None:
    """Write `<model>.py`, and for images `<model>_sample.png`, next to a model file.

    Args:
        kind: What kind of network it is, which says how the model is used.
        model: The exported file.
        card: Its card.
        example: One training sample: for images uint8 (H, W, C), or float (C, H, W) in 0..1 where
            training was given such; numbers otherwise. None takes random numbers of the right shape.

    Returns:
        The script's path; None where a file of that name is no such script and was left as it is.

    Raises:
        OutputError: A file cannot be written.
    """
    path = model.with_suffix(".py")
    first = _FIRST.encode("utf-8")
    if os.path.isfile(path) and first_bytes(path, len(first)) != first:
        warn(
            gettext(
                "{path}: exists already and was not written by export, so it is left as it is.", path=path
            )
        )
        return None
    body = kind.script_body(model, card, example)
    lines = [
        f"{_FIRST} {model.name!r}  (runs as it is; needs onnxnn-runtime, no torch)",
        "from pathlib import Path",
        "",
        *body.imports,
        "",
        "folder = Path(__file__).parent",
        f"model = rt.load(folder / {model.name!r})",
        *body.sample,
        *body.use,
    ]
    text = "\n".join(lines) + "\n"
    return write_atomically(path, lambda file: file.write(text.encode("utf-8")))


def sampling_body(card: ModelCard) -> ScriptBody:
    """Return what samples images from noise."""
    label = f", label={card.classes[0]!r}" if card.classes else ""
    use = [
        f"images = model.sample(num=16, seed=0{label})  # float32 (16, channels, height, width) in 0..1",
        'print(write_grid(images, folder / "images.png"))',
    ]
    return ScriptBody([], use, (_RUNTIME, "from onnxnn_runtime.outputs.grid import write_grid"))


def prompt_body(card: ModelCard, vocabulary: Mapping[str, int], example: Array | None) -> ScriptBody:
    """Return what continues a text."""
    prompt = _prompt(vocabulary, _numbers(card, example))
    sample = [f"prompt = {prompt!r}  # 换成自己的开头: your own beginning"]
    return ScriptBody(sample, ["print(model.generate(prompt, length=24, seed=0))"])


def target_body(model: Path, card: ModelCard, example: Array | None) -> ScriptBody:
    """Return what writes the target of a source."""
    return input_body(model, card, example)._replace(use=["print(model.generate(x, beams=4))"])


def input_body(model: Path, card: ModelCard, example: Array | None) -> ScriptBody:
    """Return what runs the model on an input; write the sample that it reads, where that is a file.

    Raises:
        OutputError: It cannot be written.
    """
    if card.input.kind == "image":
        path = model.with_name(f"{model.stem}_sample.png")
        pixels = _random(card, np.uint8) if example is None else _as_pixels(example)
        image = Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
        _write_sample(path, "PNG", lambda file: image.save(file, format="PNG", pnginfo=_mark()))
        sample = [f"image = folder / {path.name!r}  # 换成自己的图片: any image of your own"]
        return ScriptBody(sample, _use(card, "image"))
    values = _numbers(card, example)
    if values.size <= _MAX_LITERALS:
        value = f"np.array([{values.tolist()!r}], dtype=np.{values.dtype.name})"
    else:
        path = model.with_name(f"{model.stem}_sample.npy")
        _write_sample(path, "npy", lambda file: np.save(file, values[np.newaxis], allow_pickle=False))
        value = f"np.load(folder / {path.name!r})"
    sample = [f"x = {value}  # 换成自己的数据: your own numbers"]
    return ScriptBody(sample, _use(card, "x"), ("import numpy as np", _RUNTIME))


def _numbers(card: ModelCard, example: Array | None) -> Array:
    """Return one sample as numbers of the type that the model takes."""
    dtype = np.int64 if card.input.kind == "tokens" else np.dtype(card.input.dtype).type
    return _random(card, dtype) if example is None else np.asarray(example, dtype=dtype)


def _write_sample(path: Path, kind: str, write: Callable[[BinaryIO], object]) -> None:
    """Write the file that the script reads; another file of that name stays as it is.

    Raises:
        OutputError: It cannot be written, or the other file is of another format.
    """
    check_output(path, kind, option=gettext("another name for the model"))
    if kind == "PNG" and os.path.isfile(path) and _SOFTWARE not in first_bytes(path, 200):
        warn(
            gettext(
                "{path}: exists already and was not written by export, so it is left as it is, and the "
                "script reads it.",
                path=path,
            )
        )
        return
    write_atomically(path, write)


_SOFTWARE = b"Software\0onnxnn"
"""What marks a PNG file as written by export."""


def _mark() -> PngInfo:
    info = PngInfo()
    info.add_text("Software", "onnxnn")
    return info


def _as_pixels(example: Array) -> Array:
    """Return an image as uint8 (H, W, C); floats are (C, H, W) in 0..1."""
    if example.dtype == np.uint8:
        return example
    return np.ascontiguousarray(np.moveaxis((example * 255).round().astype(np.uint8), 0, -1))


def _prompt(vocabulary: Mapping[str, int], tokens: Array) -> str | list[str]:
    """Return the first token of a sample; in a list where the vocabulary is made of words."""
    word = next(word for word, number in vocabulary.items() if number == tokens.reshape(-1)[0])
    return [word] if is_words([word], vocabulary) else word


def _use(card: ModelCard, name: str) -> list[str]:
    """Return the lines that run the model on the sample of that name."""
    if card.output.kind in ("classes", "binary") and len(card.output.shape) == 3 and name == "x":
        return _print_steps(card)
    if card.output.kind == "embedding":
        return [f"vector = model.embed({name})[0]", "print(vector.shape, vector[:8])"]
    if card.output.kind in ("classes", "binary") and card.output.classes:
        named = "" if card.output.scores == "probability" else f"{card.output.scores!r}, "
        label = "result.label" if all(map(str.isprintable, card.output.classes)) else "repr(result.label)"
        return [f"result = model.predict({name})[0]", f"print({label}, {named}result.score)"]
    if card.output.kind == "values":
        return [f"result = model.predict({name})[0]", "print(dict(result.values))"]
    if card.input.kind != "image":
        return ["print(model.infer(x))"]
    return [f"result = model.predict({name})[0]", "print(result.scores)"]


def _print_steps(card: ModelCard) -> list[str]:
    """Return the lines that print the label of each step of a sample."""
    is_binary = card.output.kind == "binary"
    labels = f"(result[:, 0] >= {THRESHOLD}).astype(int)" if is_binary else "result.argmax(axis=1)"
    classes, outputs = len(card.output.classes), card.output.shape[-1]
    if classes == 2 if is_binary else classes == outputs:
        labels = f"[model.card.output.classes[label] for label in {labels}]"
    return ["result = model.infer(x)[0]  # (steps, scores)", f"print({labels})"]


def _random(card: ModelCard, dtype: DTypeLike) -> Array:
    free = min(32, card.input.max_length or 32)
    least = card.input.min_sizes
    sizes = [
        axis if isinstance(axis, int) else max(free, least.get(axis, 1)) for axis in card.input.shape[1:]
    ]
    generator = np.random.default_rng(0)
    if card.input.kind == "image":
        height, width = (sizes[0], sizes[1]) if card.input.in_graph else (sizes[1], sizes[2])
        return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if card.input.kind == "tokens":
        known = token_count(card.input) or 2
        return generator.integers(0, known, sizes, dtype=np.int64)
    return generator.standard_normal(sizes).astype(dtype)
