"""`onnxnn gallery`: feature vectors in a folder, searched for what is most similar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional

import typer

from . import gallery_growing
from .embed import progress_words
from .gallery_output import GALLERY, index_data, index_line, print_changes, print_matches
from .inputs import given, sources
from .options import BATCH_SIZE, DEVICE, FORCE, INPUTS, JSON, LOW_MEMORY, MODEL, SKIP, takes
from .output import print_json, print_table, print_text
from .skipping import advising_to_skip, check_left
from .text import gettext

if TYPE_CHECKING:
    from onnxnn_runtime import Gallery
    from onnxnn_runtime.gallery.labels import Labels

HELP = gettext(
    "Keep the feature vectors of images in a folder, and search it for what is most similar.\n\n"
    "Example: onnxnn gallery build photos.gallery pets.onnx photos"
)
"""The help text."""

ANYWHERE: Any = typer.Argument(
    ..., metavar="GALLERY", help=gettext("The folder of the gallery, or lancedb://PATH, qdrant://HOST, ...")
)
OF_MODEL: Any = typer.Option(
    None, "--model", metavar="FILE", help=gettext("The model's file, where it is no longer where it was.")
)
NAMES: Any = typer.Argument(
    ..., metavar="NAME", help=gettext("Names of entries, as `onnxnn gallery list` prints them.")
)
LABEL: Any = typer.Option(None, "--label", metavar="LABEL", help=gettext("The label of all inputs."))
CLASS_FOLDERS: Any = typer.Option(
    False, "--class-folders", help=gettext("The label of an image is the name of its folder.")
)
THRESHOLD: Any = typer.Option(
    None, "--threshold", metavar="SCORE", help=gettext("The lowest cosine similarity that counts, -1 to 1.")
)


@dataclass(frozen=True)
class Building:
    """What is typed after `onnxnn gallery build`."""

    gallery: str = GALLERY
    file: str = MODEL
    inputs: List[str] = INPUTS
    label: Optional[str] = LABEL
    class_folders: bool = CLASS_FOLDERS
    dtype: Optional[str] = typer.Option(
        None,
        "--dtype",
        metavar="DTYPE",
        help=gettext("float32, or float16 for half the space and a slower search."),
    )
    batch_size: Optional[int] = BATCH_SIZE
    device: str = DEVICE
    low_memory: bool = LOW_MEMORY
    skip_errors: bool = SKIP
    as_json: bool = JSON


@takes(Building)
def build(asked: Building) -> None:
    """Make a gallery of exactly these inputs; embed only what is new or has changed."""
    import onnxnn_runtime as rt
    from onnxnn_runtime.messages.progress import ProgressLine

    labels = _labels(asked.label, asked.class_folders)
    model = rt.load(asked.file, device=asked.device, low_memory=asked.low_memory)
    with ProgressLine(progress_words) as progress, advising_to_skip(asked.skip_errors, asked.inputs):
        gallery = rt.Gallery.build(
            model,
            given(asked.inputs),
            asked.gallery,
            labels,
            dtype=asked.dtype,
            errors="skip" if asked.skip_errors else "raise",
            batch_size=asked.batch_size,
            progress=progress,
        )
    check_left(len(gallery), gallery.changes.skipped)
    print_changes(len(gallery), asked.gallery, gallery.changes, asked.as_json)


@dataclass(frozen=True)
class Adding:
    """What is typed after `onnxnn gallery add`."""

    gallery: str = GALLERY
    inputs: List[str] = INPUTS
    label: Optional[str] = LABEL
    class_folders: bool = CLASS_FOLDERS
    model: Optional[str] = OF_MODEL
    batch_size: Optional[int] = BATCH_SIZE
    device: str = DEVICE
    low_memory: bool = LOW_MEMORY
    skip_errors: bool = SKIP
    as_json: bool = JSON


@takes(Adding)
def add(asked: Adding) -> None:
    """Add inputs to a gallery; embed only what is new or has changed."""
    from onnxnn_runtime.messages.progress import ProgressLine

    labels = _labels(asked.label, asked.class_folders)
    gallery = _with_model(asked.gallery, asked.model, asked.device, asked.low_memory)
    with ProgressLine(progress_words) as progress, advising_to_skip(asked.skip_errors, asked.inputs):
        changes = gallery.add(
            given(asked.inputs),
            labels,
            errors="skip" if asked.skip_errors else "raise",
            batch_size=asked.batch_size,
            progress=progress,
        )
    check_left(changes.added + changes.changed + changes.unchanged, changes.skipped)
    print_changes(len(gallery), asked.gallery, changes, asked.as_json)


def remove(
    gallery: str = GALLERY,
    names: List[str] = NAMES,
    as_json: bool = JSON,
) -> None:
    """Remove entries from a gallery."""
    import onnxnn_runtime as rt

    opened = rt.Gallery.open(gallery)
    changes = opened.remove(names)
    print_changes(len(opened), gallery, changes, as_json)


@dataclass(frozen=True)
class Searching:
    """What is typed after `onnxnn gallery search`."""

    gallery: str = ANYWHERE
    inputs: List[str] = INPUTS
    num: int = typer.Option(
        5, "--num", "-k", metavar="N", min=1, help=gettext("How many matches of each input.")
    )
    threshold: Optional[float] = THRESHOLD
    exact: bool = typer.Option(False, "--exact", help=gettext("Compare with every entry; use no index."))
    sheet: Optional[str] = typer.Option(
        None, "--sheet", metavar="IMAGE.png", help=gettext("Write the images that were found into one image.")
    )
    model: Optional[str] = OF_MODEL
    device: str = DEVICE
    low_memory: bool = LOW_MEMORY
    force: bool = FORCE
    as_json: bool = JSON


@takes(Searching)
def search(asked: Searching) -> None:
    """Print the entries of a gallery that are most similar to images."""
    from onnxnn_runtime.gallery.sheet import check_sheet_path, write_sheet

    if asked.sheet is not None:
        check_sheet_path(asked.sheet, sources([*asked.inputs]), asked.force, option="--force")
    gallery = _with_model(asked.gallery, asked.model, asked.device, asked.low_memory)
    found = gallery.search(given(asked.inputs), asked.num, asked.threshold, asked.exact)
    if asked.sheet is not None:
        write_sheet(asked.sheet, found)
    print_matches(found, asked.as_json)


def duplicates(
    gallery: str = ANYWHERE,
    threshold: float = typer.Option(
        0.95,
        "--threshold",
        metavar="SCORE",
        help=gettext("The lowest cosine similarity that counts, -1 to 1."),
    ),
    as_json: bool = JSON,
) -> None:
    """Print groups of entries that are nearly the same."""
    import onnxnn_runtime as rt

    found = rt.Gallery.open(gallery).duplicates(threshold)
    if found or as_json:
        print_matches(found, as_json)
    else:
        print_text(gettext("no duplicates"))


def list_entries(gallery: str = ANYWHERE, as_json: bool = JSON) -> None:
    """Print the names and labels of a gallery."""
    import onnxnn_runtime as rt

    opened = rt.Gallery.open(gallery)
    pairs = zip(opened.names, opened.labels)
    if as_json:
        about = {"model": opened.model_name, "sha256": opened.model_sha256, "dimension": opened.dimension}
        entries = [{"name": name, "label": label} for name, label in pairs]
        index = index_data(opened.index)
        print_json({"gallery": gallery, **about, "dtype": opened.dtype, "index": index, "entries": entries})
    else:
        print_table([(gettext("label"), gettext("name")), *((label or "", name) for name, label in pairs)])
        if opened.index is not None:
            print_text("\n" + index_line(opened.index))


COMMANDS: Dict[str, Callable[..., None]] = {
    "build": build,
    "add": add,
    "remove": remove,
    "search": search,
    "duplicates": duplicates,
    "list": list_entries,
    **gallery_growing.COMMANDS,
}

HELPS: Dict[str, str] = {
    "build": gettext(
        "Make a gallery of exactly these inputs.\n\nOf a gallery that is there, only new and changed files "
        "are embedded, and entries that are not among the inputs are removed.\n\n"
        "Example: onnxnn gallery build photos.gallery pets.onnx photos"
    ),
    "add": gettext(
        "Add inputs; files that are there are embedded again only where they have changed.\n\n"
        "Example: onnxnn gallery add photos.gallery cat.jpg --label cat"
    ),
    "remove": gettext(
        "Remove entries by name.\n\nExample: onnxnn gallery remove photos.gallery photos/dog.jpg"
    ),
    "search": gettext(
        "Print the entries that are most similar to each input, with their cosine similarity.\n\n"
        "Example: onnxnn gallery search photos.gallery cat.jpg -k 5 --sheet found.png"
    ),
    "duplicates": gettext(
        "Print groups of entries that are nearly the same.\n\n"
        "Example: onnxnn gallery duplicates photos.gallery --threshold 0.98"
    ),
    "list": gettext("Print the label and name of each entry.\n\nExample: onnxnn gallery list photos.gallery"),
    **gallery_growing.HELPS,
}
"""Command -> its help text."""


def _with_model(path: str, file: Optional[str], device: str, low_memory: bool) -> Gallery:
    """Open a gallery with its model: that of `--model`, else the one that it was built with."""
    import os

    import onnxnn_runtime as rt

    gallery = rt.Gallery.open(path)
    if file is None and not os.path.isfile(gallery.model_path):
        raise rt.InputError.coded(
            "E-GALLERY-05",
            "{path}: its model {model} is not at {file} any more. Give its file with --model.",
            path=path,
            model=gallery.model_name or gettext("no model"),
            file=gallery.model_path or "-",
        )
    return gallery.with_model(rt.load(file or gallery.model_path, device=device, low_memory=low_memory))


def _labels(label: Optional[str], class_folders: bool) -> Labels:
    if label is not None and class_folders:
        from onnxnn_runtime.errors import InputError

        raise InputError.coded(
            "E-INPUT-06", "--label, --class-folders: expected one of both at most. Leave one out."
        )
    return _folder_of if class_folders else label


def _folder_of(name: str) -> Optional[str]:
    import os

    return os.path.basename(os.path.dirname(os.path.abspath(name))) or None
