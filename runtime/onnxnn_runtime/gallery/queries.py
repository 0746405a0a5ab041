"""What a gallery is searched for: images and other inputs of its model, or vectors."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, Iterator, List, Tuple, Union

import numpy as np
from PIL import Image

from onnxnn_runtime.arrays.conversion import without_gradient
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.inputs.given import is_numeric
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import printable, shortened

from .exact import unit

if TYPE_CHECKING:
    from onnxnn_runtime.model import Model

Several = Union[List[Any], Tuple[Any, ...]]
"""Queries of which each is answered."""

OneImage = Union[str, "os.PathLike[str]", bytes, Image.Image]
"""A query that is one image, or another file."""

Queries = Tuple[np.ndarray, List[str], bool]
"""float32 (M, D) of unit length, the name of each, and whether they were given as several."""


def query_vectors(query: object, model: Model | None, dimension: int, where: str) -> Queries:
    """Return the vectors of a query, or of several.

    Args:
        query: A vector (D,), vectors (M, D), an input of the model, or a list of inputs.
        model: The gallery's model, where it was opened with one.
        dimension: Numbers of a vector; 0 in an empty gallery whose model leaves it open.
        where: What messages call the gallery.

    Raises:
        InputError: It is none of these, of another dimension, or not finite.
    """
    query = without_gradient(query)
    array = _as_vectors(query, model)
    if array is not None:
        vectors = checked_vectors(np.atleast_2d(array), dimension, "query")
        return unit(vectors), [f"input[{row}]" for row in range(len(vectors))], array.ndim == 2
    if model is None:
        raise InputError.coded(
            "E-GALLERY-05",
            "{path}: expected a vector, since this gallery was opened without its model. Open it with "
            "Gallery.open(path, model) to search for images and other inputs.",
            path=where,
        )
    if isinstance(query, (str, os.PathLike)) and os.path.isdir(os.fspath(query)):
        raise _several_in_one(str(query))
    found = model.embed_named(query)
    if isinstance(query, (str, os.PathLike)) and len(found.names) != 1:
        raise _several_in_one(str(query))
    if not np.isfinite(found.vectors).all():
        raise InputError.coded(
            "E-INPUT-04",
            "{name}: expected a vector of finite numbers from the model, got NaN or infinite ones.",
            name=printable(found.names[int(np.argmin(np.isfinite(found.vectors).all(axis=1)))]),
        )
    return (
        unit(found.vectors),
        found.names,
        _is_several(query, model.input_spec.kind) or len(found.names) != 1,
    )


def as_array(vectors: object, name: str) -> np.ndarray:
    """Return vectors in whatever form they are given as an array.

    Raises:
        InputError: They are none, such as rows of different lengths.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy before 1.24 only warns of rows of different lengths
            return np.asarray(without_gradient(vectors))
    except (ValueError, TypeError, Warning) as error:
        raise InputError.coded(
            "E-INPUT-03",
            "{name}: expected numbers (N, D), got {got}. Give rows of the same length.",
            name=name,
            got=shortened(vectors),
        ) from error


def checked_vectors(vectors: np.ndarray, dimension: int, name: str) -> np.ndarray:
    """Return vectors as float32 (N, D).

    Raises:
        InputError: They have another dimension, or none, or are not finite.
    """
    is_empty = vectors.size == 0 and len(vectors) > 0 if vectors.ndim else True
    is_other = vectors.ndim != 2 or (dimension and vectors.shape[1] != dimension)
    if is_empty or is_other or vectors.dtype.kind not in "fiu":
        raise InputError.coded(
            "E-INPUT-03",
            "{name}: expected vectors of dimension {dimension}, as this gallery has, got {dtype} {shape}.",
            name=name,
            dimension=dimension or "D",
            dtype=vectors.dtype,
            shape=shape_text(vectors.shape),
        )
    with np.errstate(over="ignore"):
        result = np.asarray(vectors, np.float32)
    if not np.isfinite(result.sum(dtype=np.float64)):  # as it is where one of them is not
        raise InputError.coded(
            "E-INPUT-04", "{name}: expected finite numbers, got NaN or infinite ones.", name=name
        )
    return result


def _as_vectors(query: object, model: Model | None) -> np.ndarray | None:
    """Return a query that is one vector or several as an array; None where it is an input of the model."""
    if isinstance(query, (list, tuple)) and len(query):
        vectors = [without_gradient(each) for each in query]
        is_rows = all(isinstance(each, np.ndarray) and each.ndim == 1 for each in vectors)
        if not is_rows and not is_numeric(query):
            return None
        try:
            query = np.asarray(vectors)
        except ValueError:
            return None
    if not isinstance(query, np.ndarray) or query.ndim not in (1, 2):
        return None
    takes_images = model is None or model.input_spec.kind == "image"
    if takes_images:
        return query if query.dtype.kind == "f" or query.ndim == 1 else None
    return None if model is not None and _is_row(query, model) else query


def _is_row(query: np.ndarray, model: Model) -> bool:
    """Return whether numbers are inputs of a model of tables, sequences or tokens, by their length."""
    sizes = model.input_spec.shape[1:]
    return query.dtype.kind not in "f" or (len(sizes) > 0 and sizes[-1] == query.shape[-1])


def _several_in_one(path: str) -> InputError:
    return InputError.coded(
        "E-INPUT-05",
        "{path}: expected one input, got a folder or several files. Give a list to search for each of them: "
        "search([path]).",
        path=printable(path),
    )


def _is_several(query: object, kind: str) -> bool:
    """Return whether a query is a list, or an array with an axis more than one input of its kind has."""
    if isinstance(query, (list, tuple)):
        return not (is_numeric(query) and not any(isinstance(each, (list, tuple)) for each in query))
    axes = {"image": 4, "table": 2}.get(kind, 0)
    return isinstance(query, Iterator) or (axes > 0 and getattr(query, "ndim", 0) == axes)
