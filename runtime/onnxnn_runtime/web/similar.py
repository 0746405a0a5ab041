"""Images that a page finds similar ones among: their vectors, names and thumbnails."""

from __future__ import annotations

import base64
import io
import json
import os
from pathlib import Path

import numpy as np

from onnxnn_runtime.errors import CardError, InputError
from onnxnn_runtime.files.access import PathLike, as_path
from onnxnn_runtime.gallery.manifest import MANIFEST
from onnxnn_runtime.images.decode import decode
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import printable
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.model import Model

from .bundle import holdable

MOST_IMAGES = 5000
"""Images of the largest gallery in a page: with 1280 numbers each it takes about 30 MB."""

_SIDE = 112
"""Pixels of the longer side of a thumbnail."""


def gallery_files(model: Model, gallery: PathLike) -> dict[str, bytes]:
    """Return what a page holds of a folder of images; a line on stderr says how much that is.

    Args:
        model: What turns images into vectors.
        gallery: The folder; subfolders count. Images in it that cannot be read are left out with a warning.

    Returns:
        "vectors": float16 (N, D), each of length 1; "thumbnails": JSON, a list of {name, label, image}: the
        path inside the folder, its first subfolder or null, and a JPEG in base64.

    Raises:
        CardError: The model has no feature vectors of images.
        InputError: It is no folder of images, or of too many.
    """
    kind = model.kind
    if kind.vector is None or kind.card is None or kind.card.input.kind != "image":
        raise CardError.coded(
            "E-INPUT-08",
            "{name}: gallery={gallery}: expected a model with a feature vector of images, such as one with a "
            "linear layer last, got one without. Leave the gallery out.",
            name=model.name,
            gallery=printable(str(gallery)),
        )
    folder = as_path(gallery, "gallery", InputError)
    is_gallery = (folder / MANIFEST).is_file()
    if is_gallery or not folder.is_dir():
        raise InputError.coded(
            "E-INPUT-01",
            "gallery={gallery}: expected a folder of images, got {what}. Give the folder of the images "
            "themselves.",
            gallery=printable(str(gallery)),
            what=gettext("a gallery of onnxnn") if is_gallery else gettext("what is no folder"),
        )
    found = model.embed_named(str(folder), normalize=True, errors="skip")
    if not found.names:
        raise InputError.coded(
            "E-INPUT-02",
            "gallery={gallery}: expected images, found none that can be read. Give the folder with them.",
            gallery=printable(str(gallery)),
        )
    if len(found.names) > MOST_IMAGES:
        raise InputError.coded(
            "E-INPUT-10",
            "gallery={gallery}: too many images for a page: expected at most {most}, got {count}. Use onnxnn "
            "serve --gallery.",
            gallery=printable(str(gallery)),
            most=MOST_IMAGES,
            count=len(found.names),
        )
    entries = [_entry(name, folder) for name in found.names]
    vectors = np.asarray(found.vectors, "<f2").tobytes()
    thumbnails = json.dumps(entries, ensure_ascii=False).encode("utf-8")
    say(
        ngettext(
            "gallery: {count} image, about {size:.1f} MB of the page",
            "gallery: {count} images, about {size:.1f} MB of the page",
            len(entries),
            size=(len(thumbnails) + len(vectors) * 4 / 3) / 1e6,  # base64 of what hardly packs
        ),
        to="stderr",
    )
    return {"vectors": vectors, "thumbnails": thumbnails}


def _entry(name: str, folder: Path) -> dict[str, object]:
    parts = Path(holdable(os.path.relpath(name, str(folder)))).parts
    image = decode(name, "RGB", (_SIDE, _SIDE))
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=80)
    return {
        "name": "/".join(parts),
        "label": parts[0] if len(parts) > 1 else None,
        "image": base64.b64encode(buffer.getvalue()).decode("ascii"),
    }
