"""Data sets from .npz files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from onnxnn_runtime.errors import DataError, located
from onnxnn_runtime.files.access import as_path, regular_file
from onnxnn_runtime.inputs.npz import VOCABULARY, read_arrays, read_vocabulary
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

from .arrays import from_arrays
from .dataset import Data
from .options import ArrayOptions
from .preparation import Preparation


def load_npz(
    path: str | Path,
    task: str,
    options: ArrayOptions = ArrayOptions(),
    known: Preparation | None = None,
) -> Data:
    """Return the data set of a .npz file with the arrays `data` and `label`.

    Text is learned from integers in `data` (N, T) and a vocabulary: either `words`, an array of
    texts in the order of their ids, or `word2idx` (in older files `word2ix`), a JSON text
    {"word": id} or a dict of those, which is read without unpickling it. `label` may then be left out:
    each token's label is the token after it. Other pickled objects are refused, because reading one can run
    any program.

    Args:
        path: The file.
        task, options, known: As for `from_arrays`; the vocabulary is the file's.

    Raises:
        MissingDataError: There is no such file.
        DataError: It is no .npz file, lacks an array, holds pickled objects, or its arrays do not match.
    """
    file = as_path(path, "data_path", DataError)
    if os.path.isdir(file):
        raise DataError.coded(
            "E-DATA-02",
            "{path}: expected a .npz file, got a folder."
            " Give the file in it, or load_img_data for a folder of images.",
            path=path,
        )
    regular_file(file, gettext("file"), DataError)
    arrays = read_arrays(file, ("data", "label", *VOCABULARY), DataError)
    word2idx = read_vocabulary(path, arrays, DataError)
    if "data" not in arrays or ("label" not in arrays and word2idx is None):
        raise DataError.coded(
            "E-DATA-02",
            "{path}: expected an array {missing}, got a file of {held}. Save with "
            "np.savez(path, data=x, label=y).",
            path=path,
            missing=shortened("data" if "data" not in arrays else "label"),
            held=", ".join(arrays) or gettext("no arrays"),
        )
    try:
        return from_arrays(
            arrays["data"], arrays.get("label"), task, replace(options, word2idx=word2idx), known
        )
    except DataError as error:
        raise type(error)(located(path, error)) from error
