"""XEduHub's task "mmedu": classes of images, by files of ours and of MMEdu."""

from __future__ import annotations

import os
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np
from PIL import Image

from onnxnn_runtime.errors import CardError
from onnxnn_runtime.images.decode import ImageLike, decode
from onnxnn_runtime.images.modes import pixels
from onnxnn_runtime.inputs.folders import find_images
from onnxnn_runtime.loading import load
from onnxnn_runtime.model import Model

from .basenn import no_results
from .images import resized
from .metadata import MMEduFile, mmedu_file


class _Preparation(NamedTuple):
    """What MMEdu does with an image before its network, in pixels 0..255.

    Args:
        side: Width and height that it is resized to.
        crop: The side of the middle that is then cut out; 0 leaves it whole.
        mean, std: Of each channel.
    """

    side: int
    crop: int
    mean: Sequence[float] = (123.675, 116.28, 103.53)
    std: Sequence[float] = (58.395, 57.12, 57.375)


_PREPARATIONS: Mapping[str, _Preparation] = {
    "LeNet": _Preparation(32, 0, (33.46,), (78.87,)),
    **{
        name: _Preparation(256, 224)
        for name in ("ResNet18", "ResNet50", "ResNeXt", "ShuffleNet_v2", "VGG", "RepVGG", "MobileNet")
    },
}
"""MMEdu's backbones of classification (XEdu-python 2.0.0, hub/BaseDT/data.py)."""


class MMEduTask:
    """Runs a file on images, and says what its outputs mean.

    Args:
        path: The model file.
        device: Where it runs, as in `onnxnn_runtime.load`.

    Raises:
        CardError: It does not classify images.
    """

    def __init__(self, path: str, device: str) -> None:
        self.model: Model = load(path, device=device)
        self._result: object = None
        if self.model.card is not None:
            self._file = None
            if self.model.kind.does != "classify" or self.model.input_spec.kind != "image":
                raise CardError.coded(
                    "E-CARD-01",
                    "{name}: task='mmedu': expected a network that classifies images. Use task='basenn'.",
                    name=self.model.name,
                )
            return
        self._file = mmedu_file(self.model.name, self.model.facts.metadata)
        if self._file.codebase != "MMCls" or self._file.backbone not in _PREPARATIONS:
            raise CardError.coded(
                "E-CARD-01",
                "{name}: expected a file of MMEdu that classifies images with {known}, got {backbone} of "
                "{codebase}. Run it with XEduHub.",
                name=self.model.name,
                known=", ".join(_PREPARATIONS),
                backbone=self._file.backbone,
                codebase=self._file.codebase,
            )

    def run(self, data: object) -> object:
        """Return the dict of one image, or a list of dicts for a list or a folder of images."""
        is_many = isinstance(data, (list, tuple)) or (
            isinstance(data, (str, os.PathLike)) and os.path.isdir(data)
        )
        if self._file is None:
            found = [
                _result(each.index, each.score, each.label)
                for each in self.model.predict(data, channel_order="bgr")
            ]
        else:
            found = [self._classified(image, self._file) for image in _images(data)]
        self._result = found if is_many else found[0]
        return self._result

    def formatted(self, lang: str) -> object:
        """Return what `run` returned: its keys are Chinese in every language, as XEduHub's are.

        Raises:
            InputError: Nothing was run yet.
        """
        if self._result is None:
            raise no_results()
        return self._result

    def _classified(self, image: ImageLike, file: MMEduFile) -> dict[str, Any]:
        prepared = _prepared(image, _PREPARATIONS[file.backbone])
        scores = self.model.infer(prepared).reshape(-1)
        index = int(scores.argmax())
        return _result(
            index, float(scores[index]), file.classes[index] if index < len(file.classes) else None
        )


def _result(index: object, score: object, label: object) -> dict[str, Any]:
    found = {"标签": index, "置信度": score}
    return found if label is None else {**found, "预测结果": label}


def _images(data: object) -> list[Any]:
    if isinstance(data, (list, tuple)):
        return list(data)
    if isinstance(data, (str, os.PathLike)) and os.path.isdir(data):
        return list(find_images(data)[0])
    return [data]


def _prepared(image: ImageLike, how: _Preparation) -> np.ndarray:
    """Return an image as float32 (1, C, H, W), as MMEdu prepares it."""
    grey = len(how.mean) == 1
    whole = decode(image, "grayscale" if grey else "RGB", channel_order="bgr")
    found = resized(whole, how.side, how.side)
    edge = (how.side - how.crop) // 2 if how.crop else 0
    cropped: Image.Image = found.crop((edge, edge, how.side - edge, how.side - edge))
    mean, std = np.array(how.mean, np.float32), np.array(how.std, np.float32)
    array = (pixels(cropped).astype(np.float32) - mean) / std
    return np.ascontiguousarray(array.transpose(2, 0, 1)[None])
