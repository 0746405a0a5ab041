"""Images, folders and tables, damaged and hostile, through training's loaders and prediction."""

from __future__ import annotations

import functools
import io
import os
import random
import shutil
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnxnn_runtime as rt
from PIL import Image
from support.mutations import mutate_bytes

from onnxnn import nn

CASES = 2500
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "ICO")
MODES = ("RGB", "L", "RGBA", "P", "1", "CMYK", "I;16", "I", "F", "LA")
CELLS = (
    "1",
    "2.5",
    "-3",
    "1e5",
    "1e999",
    "nan",
    "NaN",
    "inf",
    "",
    "?",
    "NA",
    "null",
    "yes",
    "1,5",
    "1.234,5",
    "0x10",
    "２",
    "x" * 5000,
    "9" * 400,
    "\x00",
    "\x1b[31m",
    '"',
    '""',
    "'",
    "\ufeff",
    "\u2028",
    "猫",
    "2019-01-01",
    "1_000",
    "#",
    "=1+1",
)
NAMES = (
    "a",
    "cat",
    "猫",
    "a b",
    "1",
    "10",
    "a\nb",
    "\x1b[31m",
    "n" * 200,
    ".hidden",
    "é",
    "e\u0301",
    "CON",
    "~",
    "*",
)


@functools.lru_cache(maxsize=1)
def prepared() -> tuple[Path, Any, Any]:
    """Return a folder, a model of images and one of tables."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    pixels = np.random.default_rng(0).random((6, 3, 8, 8)).astype(np.float32)
    images = nn("cls", save_fold=str(folder), verbose=0)
    for number in range(6):
        place = folder / "known" / ("cat" if number % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels[number].transpose(1, 2, 0) * 255).astype(np.uint8)).save(
            place / f"{number}.png"
        )
    images.load_img_data(folder / "known", transform={"Resize": (8, 8)})
    images.add("linear", size=(192, 2), activation="softmax")
    images.export(folder / "images.onnx")
    (folder / "rows.csv").write_text(
        "a,b,label\n" + "".join(f"{i},{i % 3},{i % 2}\n" for i in range(12)), encoding="utf-8"
    )
    table = nn("cls", save_fold=str(folder), verbose=0)
    table.load_tab_data(folder / "rows.csv")
    table.add("linear", size=(2, 2), activation="softmax")
    table.export(folder / "table.onnx")
    return folder, rt.load(folder / "images.onnx", device="cpu"), rt.load(folder / "table.onnx", device="cpu")


def image(stream: random.Random) -> bytes:
    """Return the file of an image, most of them damaged."""
    size = stream.choice(((8, 8), (8, 8), (1, 1), (1, 3000), (3000, 1), (64, 48)))
    made = Image.new(stream.choice(MODES), size)
    file = io.BytesIO()
    try:
        made.save(file, format=stream.choice(FORMATS))
    except (OSError, ValueError, KeyError):  # a mode that the format has not
        Image.new("RGB", size).save(file, format="PNG")
    data = file.getvalue()
    return data if stream.random() < 0.1 else mutate_bytes(data, stream)


def table(stream: random.Random) -> bytes:
    """Return a table."""
    mark = stream.choice((",", ",", ";", "\t", " ", "|"))
    end = stream.choice(("\n", "\n", "\r\n", "\r"))
    rows = [["a", "b", "label"], *([str(i), str(i % 3), str(i % 2)] for i in range(12))]
    for _ in range(stream.choice((0, 1, 1, 2, 5))):
        row = stream.choice(rows)
        change = stream.randrange(4)
        if change < 2:
            row[stream.randrange(len(row))] = stream.choice(CELLS)
        elif change == 2:
            row.append(stream.choice(CELLS))
        elif len(row) > 1:
            row.pop()
    if stream.random() < 0.05:
        rows = [row * stream.choice((1000, 20_000)) for row in rows]
    text = end.join(mark.join(row) for row in rows)
    data = text.encode(stream.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "gbk", "latin-1")), "replace")
    return mutate_bytes(data, stream) if stream.random() < 0.5 else data


def write_folder(place: Path, stream: random.Random) -> Path:
    """Write a folder of class folders."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name in stream.sample(NAMES, stream.choice((0, 1, 2, 3))):
        inside = place / name
        inside.mkdir()
        for number in range(stream.choice((0, 1, 2))):
            (inside / f"{number}{stream.choice(('.png', '.jpg', '.txt', ''))}").write_bytes(image(stream))
    kind = stream.randrange(8)
    if kind == 0:
        os.mkfifo(place / "pipe.png")
    elif kind == 1:
        os.symlink(place, place / "again")
    elif kind == 2:
        os.symlink("/nowhere", place / "gone.png")
    elif kind == 3:
        os.mkdir(os.fsencode(place) + b"/\xff\xfe")
    elif kind == 4:
        os.symlink("/dev/zero", place / "zero.png")
    elif kind == 5:
        deep = place
        for _ in range(300):
            deep = deep / "d"
        deep.mkdir(parents=True)
    return place


def check(number: int) -> None:
    """Use file or folder `number`."""
    stream = random.Random(number)
    folder, images, tables = prepared()
    with redirect_stdout(io.StringIO()):
        if number % 3 == 0:
            (folder / "one.png").write_bytes(image(stream))
            images.predict(str(folder / "one.png"))
        elif number % 3 == 1:
            place = write_folder(folder / "classes", stream)
            if stream.random() < 0.5:
                nn(verbose=0).load_img_data(place, transform={"Resize": (8, 8)})
            else:
                images.predict(str(place))
        else:
            (folder / "one.csv").write_bytes(table(stream))
            if stream.random() < 0.6:
                nn(stream.choice(("cls", "reg")), verbose=0).load_tab_data(folder / "one.csv")
            else:
                tables.predict(str(folder / "one.csv"))
