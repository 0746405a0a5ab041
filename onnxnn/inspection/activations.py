"""Looking inside a network: images of each layer's output, and of the first layer's filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.errors import LayerError, OutputError
from onnxnn_runtime.files.access import PathLike, as_path, write_atomically
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.outputs.output_files import check_output
from PIL import Image
from torch import nn

from onnxnn.definition.definition import Definition, Net
from onnxnn.inference.features import layer_outputs

from .render import draw_filters, draw_units, draw_values, stack
from .wording import gettext

Array = np.ndarray[Any, Any]


def visual_feature(
    net: Net,
    definition: Definition,
    sample: Array,
    *,
    classes: Sequence[str] = (),
    in1img: bool = False,
    save_fold: PathLike = "layers",
    sources: Sequence[object] = (),
    force: bool = False,
) -> list[Path]:
    """Write what each layer makes of one sample.

    For images and sequences it is an image for each layer, `1.jpg`, `2.jpg`, ... with the input as `0.jpg`,
    or all below each other as `total.jpg`. For a vector it is the text file `layer_data.txt`, in which layers
    count 1, 2, ... and the activation after layer 1 is 1.1.

    Args:
        net: The network.
        definition: The network as data.
        sample: One sample as the network takes it, without the batch axis.
        classes: Names for the last layer's bars.
        in1img: Whether to make one image of all layers.
        save_fold: The folder to write into.
        sources: Where the sample comes from; no file of it is replaced.
        force: Whether to replace those, or files of another format.

    Returns:
        The files written.

    Raises:
        OutputError: The folder cannot be written, or a file of it must not be replaced.
    """
    outputs = layer_outputs(net, torch.from_numpy(sample[np.newaxis]).to(net.device))
    folder = as_path(save_fold, "save_fold")
    if sample.ndim == 1:
        check_output(folder / "layer_data.txt", "text", sources, force)
        return [_write_text(folder / "layer_data.txt", _numbered(net, definition), sample, outputs)]
    last = list(outputs)[-1]
    images = [draw_values(gettext("0 input"), sample, colored=True)]
    for number, (name, values) in enumerate(outputs.items(), 1):
        images.append(draw_values(f"{number} {name}", values[0], classes if name == last else ()))
    if in1img:
        return [_write_image(folder / "total.jpg", stack(images), sources, force)]
    paths = [folder / f"{number}.jpg" for number in range(len(images))]
    for path in paths:
        check_output(path, "JPEG", sources, force)
    return [_write_image(path, each, (), force) for path, each in zip(paths, images, strict=True)]


def visual_filters(
    path: PathLike,
    net: Net,
    definition: Definition,
    before: Mapping[str, torch.Tensor] | None = None,
    force: bool = False,
) -> Path:
    """Draw the weights of the first convolution, or of the first `linear`, on a scale around zero.

    Args:
        path: The image's file.
        net: The network.
        definition: The network as data.
        before: Weights by name from another time of the same network, drawn above on the same scale.
        force: Whether to replace a file of another format.

    Raises:
        LayerError: The network has no such layer, or `before` holds no such weights.
        OutputError: The file cannot be written.
    """
    name, weight = _first_weights(net)
    now = _as_filters(weight, definition)
    draw = draw_units if now.ndim == 2 else draw_filters
    if before is None:
        return _write_image(as_path(path), draw(name, now, float(np.abs(now).max())), force=force)
    then = before.get(f"{name}.weight")
    if then is None or then.shape != weight.shape:
        raise LayerError.coded(
            "E-CKPT-03",
            "visual_filters(before=...): expected weights of {layer} of the same size, got none. Give a "
            "checkpoint of the same network.",
            layer=shortened(name),
        )
    earlier = _as_filters(then, definition)
    limit = float(max(np.abs(now).max(), np.abs(earlier).max()))
    images = [
        draw(gettext("{name} before", name=name), earlier, limit),
        draw(gettext("{name} now", name=name), now, limit),
    ]
    return _write_image(as_path(path), stack(images), force=force)


def first_weights_image(net: Net, definition: Definition) -> Image.Image | None:
    """Return what `visual_filters` draws; None where there is no such layer.

    Args:
        net: The network.
        definition: The network as data.
    """
    found = _find_weights(net)
    if found is None:
        return None
    name, weight = found
    now = _as_filters(weight, definition)
    draw = draw_units if now.ndim == 2 else draw_filters
    return draw(name, now, float(np.abs(now).max()))


def _find_weights(net: Net) -> tuple[str, torch.Tensor] | None:
    """Return the name and the weights of the first convolution or `linear`."""
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear):
            return name, module.weight
    return None


def _first_weights(net: Net) -> tuple[str, torch.Tensor]:
    """Return the name and the weights of the first convolution or `linear`."""
    found = _find_weights(net)
    if found is not None:
        return found
    raise LayerError.coded(
        "E-LAYER-10",
        "visual_filters(): expected a convolution or a 'linear' layer, got a network with neither. Add one.",
    )


def _as_filters(weight: torch.Tensor, definition: Definition) -> Array:
    """Return weights as (filters, channels, rows, columns), those of a `linear` on images as images; of
    any other `linear` (units, weights of each).
    """
    values = weight.detach().float().cpu().numpy()
    if values.ndim == 5:
        return values[:, :, values.shape[2] // 2]
    if values.ndim == 3:
        return values[:, :, np.newaxis]
    if values.ndim == 2:
        shape = definition.input_shape
        if shape is not None and len(shape) == 3 and shape.numel == values.shape[1]:
            return values.reshape(len(values), *shape.sizes)
    return values


def _numbered(net: Net, definition: Definition) -> dict[str, str]:
    """Return a heading for each layer by name: "1.Linear(...)", and "1.1.ReLU()" for what follows it."""
    headings = {}
    layer, following = 0, 0
    for placed in definition.placed():
        if placed.layer.is_activation:
            following += 1
            number = f"{layer}.{following}"
        else:
            layer, following = layer + 1, 0
            number = str(layer)
        headings[placed.name] = f"{number}.{net.get_submodule(placed.name)}"
    return headings


def _write_text(path: Path, headings: Mapping[str, str], sample: Array, outputs: Mapping[str, Array]) -> Path:
    lines = ["0.input", str(sample.tolist())]
    for name, values in outputs.items():
        lines += [headings[name], str(values[0].tolist())]
    return write_atomically(path, lambda file: file.write(("\n".join(lines) + "\n").encode("utf-8")))


def _write_image(path: Path, image: Image.Image, sources: Sequence[object] = (), force: bool = False) -> Path:
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind is None or kind not in Image.SAVE:
        raise OutputError.coded(
            "E-OUTPUT-01",
            "{path}: expected the name of an image, .png or .jpg. Choose a name that ends so.",
            path=path,
        )
    check_output(path, kind, sources, force)
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    return write_atomically(path, lambda file: image.save(file, kind, **options))
