"""Files of arrays, damaged and hostile, through training and prediction."""

from __future__ import annotations

import functools
import io
import json
import random
import tempfile
import zipfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
from support.mutations import HOSTILE, mutate_bytes

from onnxnn import nn

CASES = 1000


def _header(shape: object, dtype: object) -> bytes:
    """Return the header of an array with any text for its shape and type."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode("utf-8", "replace")
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + (len(text) % 65536).to_bytes(2, "little") + text


@functools.lru_cache(maxsize=1)
def prepared() -> tuple[Path, object]:
    """Return a folder and the model that the arrays are for."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    network = nn("cls", save_fold=str(folder), verbose=0)
    network.load_dataset(np.eye(4, 3, dtype=np.float32), [0, 1, 0, 1], classes=["a", "b"])
    network.add("linear", size=(3, 2), activation="softmax")
    network.export(folder / "model.onnx")
    return folder, rt.load(folder / "model.onnx", device="cpu")


def mutant(stream: random.Random) -> bytes:
    """Return a .npz or .npy file, one in ten as it should be."""
    file = io.BytesIO()
    if stream.random() < 0.1:
        np.savez(file, data=np.zeros((12, 3), np.float32), label=np.arange(12) % 2)
        return file.getvalue()
    kinds = (
        np.float32,
        np.float64,
        np.int64,
        np.uint8,
        np.bool_,
        "U3",
        "S3",
        "M8[s]",
        np.complex64,
        np.float16,
    )
    shape = stream.choice(((12, 3), (12, 3), (12, 3), (), (0, 3), (12,), (12, 3, 1), (1, 12, 3), (2,) * 12))
    values = np.zeros(shape, stream.choice((np.float32, *kinds)))
    arrays = {"data": values, "label": np.arange(12) % 2}
    if stream.random() < 0.2:
        arrays["word2idx"] = np.array(json.dumps({"a": 0, "b": stream.choice((1, 5, "x"))}))
    if stream.random() < 0.1:
        arrays["label"] = np.zeros(stream.choice(((12,), (3,), (12, 2), (0,))), stream.choice(kinds))
    if stream.random() < 0.05:
        arrays = {f"x{number}": np.zeros(1) for number in range(3000)}
    if stream.random() < 0.15:
        np.save(file, values, allow_pickle=False)
        return mutate_bytes(file.getvalue(), stream)
    (np.savez if stream.random() < 0.5 else np.savez_compressed)(file, **arrays)
    data = file.getvalue()
    if stream.random() < 0.5:
        return mutate_bytes(data, stream)
    return _with_member(data, stream)


def _with_member(data: bytes, stream: random.Random) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        chosen = stream.choice(old.namelist())
        for name in old.namelist():
            content = old.read(name)
            if name == chosen:
                change = stream.randrange(5)
                if change == 0:
                    content = mutate_bytes(content, stream)
                elif change == 1:
                    content = bytes(10**8)
                elif change == 2:
                    content = _header(stream.choice(HOSTILE), "<f4") + bytes(100)
                elif change == 3:
                    content = _header(
                        (12, 3), stream.choice(("|O", "<U400000000", "V3", "<f4,<i4", "<f0", "x"))
                    )
                else:
                    content = _header((10**9, 10**9), "<f8") + bytes(stream.choice((0, 10**8)))
            new.writestr(name, content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def check(number: int) -> None:
    """Use file `number`."""
    stream = random.Random(number)
    folder, model = prepared()
    data = mutant(stream)
    path = folder / ("mutant.npy" if data[:2] == b"\x93N" else "mutant.npz")
    path.write_bytes(data)
    with redirect_stdout(io.StringIO()):
        if number % 2:
            nn(verbose=0).load_npz_data(path)
        else:
            model.predict(str(path))  # type: ignore[attr-defined]
