"""XEduHub's task "basenn": files of ours by their card, and files of BaseNN as XEduHub runs them."""

from __future__ import annotations

import os
from typing import Any, Mapping

import numpy as np

from onnxnn_runtime.card.tokens import to_numbers
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.images.decode import decode
from onnxnn_runtime.images.modes import pixels
from onnxnn_runtime.inputs.numpy_file import load_numpy
from onnxnn_runtime.loading import load
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.model import Model

from .images import resized
from .metadata import BaseNNFile, basenn_file

_KEYS = {"zh": ("预测值", "分数", "预测类别"), "en": ("prediction", "scores", "category")}


class BaseNNTask:
    """Runs a file, and says what its outputs mean.

    Args:
        path: The model file.
        device: Where it runs, as in `onnxnn_runtime.load`.
        scale: What pixels 0..255 are divided by for a file of BaseNN. XEduHub feeds them as they are, which
            is 1; BaseNN trains on pixels divided by 255.
    """

    def __init__(self, path: str, device: str, scale: float) -> None:
        self.model: Model = load(path, device=device)
        self._scale = scale
        self._file: BaseNNFile | None = None
        if self.model.card is None:
            self._file = basenn_file(self.model.name, self.model.facts.metadata)
        self._words: dict[int, str] = {}
        self._output: np.ndarray | None = None

    def run(self, data: object) -> list[np.ndarray]:
        """Return the first output for all data, float32 (N, ...), in a list, as XEduHub does."""
        array = self._by_card(data) if self._file is None else self._as_xeduhub(data, self._file)
        self._output = array
        return [array]

    def formatted(self, lang: str) -> dict[int, dict[str, Any]]:
        """Return XEduHub's dict for each input: index of the class or value, its score, the class's name.

        Raises:
            InputError: Nothing was run yet.
        """
        if self._output is None:
            raise no_results()
        prediction, score, category = _KEYS[lang]
        card, found = self.model.card, {}
        if card is not None and card.output.kind == "values":
            for row, values in enumerate(self._output.reshape(len(self._output), -1)):
                value = values.tolist() if values.size > 1 else values[0]
                found[row] = {prediction: value, score: value}
            return found
        for row, scores in enumerate(_rows(self._output)):
            index = int(scores.argmax())
            found[row] = {prediction: self._words.get(index, index), score: scores[index]}
            if card is not None and not self._words and index < len(card.output.classes):
                found[row][category] = card.output.classes[index]
        return found

    def _by_card(self, data: object) -> np.ndarray:
        """Run what our own calls take, and arrays as XEduHub's scripts make them with OpenCV."""
        model, spec = self.model, self.model.input_spec
        if model.kind.call == "predict":
            is_image = spec.kind == "image"
            found = model.predict(
                _pixels(data) if is_image else data, channel_order="bgr" if is_image else None
            )
            scores = np.stack([each.scores for each in found])
            binary = model.card is not None and model.card.output.kind == "binary"
            return np.hstack([1 - scores, scores]) if binary and scores.shape[1:] == (1,) else scores
        if model.kind.call == "embed":
            return model.embed(data)
        if spec.vocabulary:
            self._words = {index: word for word, index in spec.vocabulary.items()}
            data = _indices(data, spec.vocabulary)
        name = next(iter(model.inputs))
        return next(iter(model.infer({name: np.asarray(data)}).values()))

    def _as_xeduhub(self, data: object, file: BaseNNFile) -> np.ndarray:
        """Run what XEduHub's own code feeds: pixels in OpenCV's order, not scaled to 0..1."""
        self._words = {}
        if isinstance(data, (str, os.PathLike)) and file.dataset_type == "img":
            grey, (height, width) = file.sizes[1] == 1, file.sizes[2:]
            image = decode(os.fspath(data), "grayscale" if grey else "RGB")
            data = pixels(resized(image, width, height))[None, :, :, ::-1].transpose(0, 3, 1, 2)
        elif isinstance(data, str) and not data.lower().endswith(".npz") and file.vocabulary:
            self._words = {index: word for word, index in file.vocabulary.items()}
            return self._infer(_indices(data, file.vocabulary))
        elif isinstance(data, (str, os.PathLike)):
            data = load_numpy(os.fspath(data), os.fspath(data))
        array = np.asarray(data)
        if array.dtype.kind not in "fiub":
            raise InputError.coded(
                "E-INPUT-04", "data={found}: expected numbers, or a file of them.", found=shortened(data)
            )
        takes_integers = next(iter(self.model.inputs.values()))[0].startswith("int")
        if takes_integers:
            return self._infer(array.astype(np.int64))
        scale = self._scale if file.dataset_type == "img" else 1
        return self._infer(array.astype(np.float32) / np.float32(scale))

    def _infer(self, array: np.ndarray) -> np.ndarray:
        return self.model.infer(array)


def no_results() -> InputError:
    """Return the error that nothing was run yet."""
    return InputError.coded(
        "E-INPUT-08", "format_output() expected results, but there are none. Call inference() first."
    )


def _rows(output: np.ndarray) -> np.ndarray:
    """Return outputs as (rows, classes); the tokens of texts are rows."""
    return output.reshape(-1, output.shape[-1]) if output.ndim > 1 else output.reshape(1, -1)


def _pixels(data: object) -> object:
    """Return arrays (N, C, H, W) or (C, H, W) of pixels 0..255 in 0..1; leave everything else as it is."""
    if isinstance(data, list) and data and not isinstance(data[0], (str, bytes, os.PathLike)):
        array = np.asarray(data) if not hasattr(data[0], "mode") else None
        data = data if array is None or array.dtype.kind not in "fiu" else array
    if isinstance(data, np.ndarray) and data.ndim in (3, 4) and data.shape[-3] in (1, 3):
        is_bytes = data.dtype.kind in "iu" or (data.size and data.max() > 1)
        return data.astype(np.float32) / 255 if is_bytes else data
    return data


def _indices(data: object, vocabulary: Mapping[str, int]) -> np.ndarray:
    """Return a text, a list of words or ids as int64 (1, tokens)."""
    if isinstance(data, str) or (
        isinstance(data, (list, tuple)) and all(isinstance(each, str) for each in data)
    ):
        return np.array([to_numbers(data, vocabulary)], np.int64)
    return np.atleast_2d(np.asarray(data, np.int64))
