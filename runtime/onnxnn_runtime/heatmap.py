"""Where a model looks: class activation maps, drawn over the image.

    M_c(y, x) = Σ_k w_ck f_k(y, x)

for a class c, the channels f_k that the network takes the means of, and the head's weights w_ck: the mean of
M_c over all places, plus the bias, is the class's score before softmax or sigmoid.

Source: Zhou et al.: "Learning Deep Features for Discriminative Localization", CVPR 2016.
"""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from .api.calls import checked_class
from .card.card import ModelCard
from .card.labels import best_classes, label_of
from .card.preprocess import Preprocess, decode
from .card.region import Region, region_of
from .embedding import parts_of
from .errors import CardError, InputError
from .files.access import PathLike, write_atomically
from .inputs.folders import Skipped, warn_of
from .inputs.options import ReadOptions
from .inputs.reading import Sample, in_channel_order
from .inputs.samples import find_samples
from .messages.shorten import shortened
from .outputs.grid import check_path
from .outputs.heat_image import heat_over

if TYPE_CHECKING:
    from .session.engine import Engine

__all__ = ["OUTPUT", "HeatMap", "class_index", "heat_map", "heat_maps"]

OUTPUT = "heatmap"
"""The graph output: float32 (N, classes, h, w)."""


@checked_class()
@dataclass(frozen=True, eq=False)
class HeatMap:
    """Where a model looks in one image.

    Args:
        name: The image: a path, or "input[3]".
        label: The class that it explains.
        score: The class's score.
        values: float32 (h, w), M_c: numbers of any size, whose mean is the score before softmax or sigmoid,
            but for the bias; above 0 where the image speaks for the class. h and w are those of the
            network's last channels, such as 7 and 7.
        sample: The image as it was given.
        preprocess: How the network's input is made of it; None where the sample is that input.
    """

    name: str
    label: str
    score: float
    values: np.ndarray = field(repr=False)
    sample: Sample = field(repr=False)
    preprocess: Preprocess | None = field(repr=False)

    @property
    def heat(self) -> np.ndarray:
        """What is drawn, float32 (h, w) in 0..1: `values` above 0, divided by the largest."""
        positive = np.maximum(self.values, 0)
        largest = float(positive.max(initial=0))
        heat: np.ndarray = (positive / largest if largest > 0 else positive).astype(np.float32)
        return heat

    def draw(self) -> Image.Image:
        """Return the heat map over the region of the image that the network looked at, with a legend.

        The rest of the image, which was cropped away, is darker. Colours are those of the perceptually
        uniform map "inferno", from dark (0) to bright (1).
        """
        image, region = self._image()
        return heat_over(image, self.heat, region, f"{self.label} {self.score:.3g}")

    def save(self, path: PathLike, force: bool = False) -> Path:
        """Write what `draw` returns.

        Args:
            path: The file: .png, .jpg, .bmp or .gif.
            force: Whether to replace a file of another format, or the image itself.

        Raises:
            InputError: The name of the file has another ending.
            OutputError: The file cannot be written, or would replace another one.
        """
        value = self.sample.value
        kind = check_path(path, [value] if isinstance(value, str) else [], force)
        drawn = self.draw()
        return write_atomically(path, lambda file: drawn.save(file, format=kind))

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.draw().save(file, format="PNG")
        return file.getvalue()

    def _image(self) -> tuple[Image.Image, Region]:
        """Return the image, upright, and the region of it that the network looked at."""
        if self.preprocess is None or self.sample.ready:
            channels = np.asarray(self.sample.value, np.float32)
            pixels = np.rint(np.clip(channels, 0, 1) * 255).astype(np.uint8)
            if self.preprocess is not None:
                pixels = self.preprocess.ready(pixels)
            image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)).convert(
                "RGB"
            )
            return image, (0, 0, *image.size)
        image = decode(self.sample.value, "RGB", channel_order=self.preprocess.channel_order)
        return image, region_of(self.preprocess, *image.size)


def check_maps(card: ModelCard | None, name: str, has_map: bool) -> ModelCard:
    """Return the card of a model that has heat maps.

    Raises:
        CardError: It has none.
    """
    if card is None or not has_map:
        raise CardError.coded(
            "E-INPUT-08",
            "{name}: heatmap(): expected a graph output 'heatmap', got none. Export it with export(path, "
            "heatmap=True), or with `onnxnn export CKPT -o FILE --heatmap`.",
            name=name,
        )
    return card


def heat_maps(
    engine: Engine, card: ModelCard, images: object, label: object, options: ReadOptions
) -> list[HeatMap]:
    """Return the heat map of each image, in order.

    Args:
        engine: Runs the graph.
        card: The model's card.
        images: What `find_samples` takes.
        label: The class to explain, by name or index; None takes the best one.
        options: How images are read.

    Raises:
        InputError: There is no such class, or an image is broken and `options.errors` is "raise".
    """
    spec = in_channel_order(card.input, options.channel_order)
    index = None if label is None else class_index(card, label)
    skipped: list[Skipped] = []
    samples = list(find_samples(images, spec, skipped, options.errors))
    rest = iter(samples)
    result: list[HeatMap] = []
    outputs = [next(iter(engine.outputs)), OUTPUT]
    with closing(parts_of(engine, card.input, iter(samples), outputs, options)) as parts:
        for part, done, _ in parts:
            skipped.extend(part.skipped)
            for name, scores, maps in zip(part.names, *part.values):
                sample = next(each for each in rest if each.name == name)
                result.append(heat_map(card, spec.preprocess, sample, scores, maps, index))
            options.report(done, len(samples))
    warn_of(skipped)
    return result


def class_index(card: ModelCard, label: object) -> int:
    """Return the index of a class.

    Args:
        card: The model's card.
        label: Its name or index.

    Raises:
        InputError: There is no such class.
    """
    classes = card.output.classes
    last = card.output.shape[-1]
    count = 2 if card.output.kind == "binary" else max(len(classes), last if isinstance(last, int) else 0)
    if isinstance(label, str) and label in classes:
        return classes.index(label)
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool) and 0 <= label < count:
        return int(label)
    raise InputError.coded(
        "E-INPUT-06",
        "label={label}: expected one of the classes ({known}) or an index from 0 to {last}. Leave label out "
        "for the best class.",
        label=shortened(label),
        known=", ".join(classes[:20]),
        last=count - 1,
    )


def heat_map(
    card: ModelCard,
    preprocess: Preprocess | None,
    sample: Sample,
    scores: np.ndarray,
    maps: np.ndarray,
    index: int | None,
) -> HeatMap:
    """Return the heat map of one image.

    Args:
        card: The model's card.
        preprocess: How the image was read.
        sample: The image.
        scores: The output for it.
        maps: float32 (classes, h, w), M_c of each class; (1, h, w) of a binary network's second class.
        index: The class to explain; None takes the best one.
    """
    ranked = best_classes(card.output, scores, max(2, scores.size))
    chosen = ranked[0][0] if index is None else index
    score = dict(ranked)[chosen]
    is_binary = card.output.kind == "binary"
    values = (maps[0] if chosen else -maps[0]) if is_binary else maps[chosen]
    label = label_of(card.output.classes, chosen)
    return HeatMap(sample.name, label, score, values.astype(np.float32), sample, preprocess)
