"""`onnxnn teach`: an encoder learns the classes of a folder, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

import typer

from .options import BATCH_SIZE, CHANNEL_ORDER, DEVICE, FORCE, JSON, LOW_MEMORY, SKIP, takes
from .output import note, print_json, print_text
from .skipping import advising_to_skip, check_left
from .text import gettext, ngettext

if TYPE_CHECKING:
    from onnxnn_runtime import TaughtModel

HELP = gettext(
    "Teach an encoder the classes of a folder, in seconds and without torch.\n\n"
    "The folder holds a folder of images for each class. The encoder stays as it is; a head in closed form "
    "is appended to it. A file that was taught before learns further classes and images, without the old "
    "ones.\n\nExample: onnxnn teach pets.onnx fruit -o fruit.onnx"
)
"""The help text."""


@dataclass(frozen=True)
class Teaching:
    """What is typed after `onnxnn teach`."""

    file: str = typer.Argument(
        ...,
        metavar="FILE",
        help=gettext("An .onnx file with feature vectors, or one that was taught before."),
    )
    folder: str = typer.Argument(
        ..., metavar="FOLDER", help=gettext("A folder of class folders with images.")
    )
    out: str = typer.Option(..., "--out", "-o", metavar="FILE", help=gettext("The .onnx file to write."))
    head: str = typer.Option(
        "ridge", "--head", metavar="HEAD", help=gettext("ridge, or mean for the nearest class mean.")
    )
    batch_size: Optional[int] = BATCH_SIZE
    channel_order: Optional[str] = CHANNEL_ORDER
    device: str = DEVICE
    low_memory: bool = LOW_MEMORY
    skip_errors: bool = SKIP
    force: bool = FORCE
    as_json: bool = JSON


@takes(Teaching)
def teach(asked: Teaching) -> None:
    """Teach an encoder the classes of a folder, in seconds and without torch."""
    import onnxnn_runtime as rt
    from onnxnn_runtime.messages.progress import ProgressLine
    from onnxnn_runtime.outputs.output_files import check_output, check_suffix

    from .embed import progress_words

    check_suffix(asked.out, (".onnx",))
    check_output(asked.out, "ONNX", [asked.file], asked.force, option="--force")
    model = rt.load(asked.file, device=asked.device, low_memory=asked.low_memory)
    with ProgressLine(progress_words) as progress, advising_to_skip(asked.skip_errors, [asked.folder]):
        taught = rt.teach(
            model,
            asked.folder,
            head=asked.head,
            errors="skip" if asked.skip_errors else "raise",
            batch_size=asked.batch_size,
            progress=progress,
            channel_order=asked.channel_order,
        )
    check_left(sum(taught.counts.values()), taught.skipped)
    taught.save(asked.out, force=True)  # it was checked above
    if asked.as_json:
        print_json(
            {
                "file": asked.out,
                "counts": dict(taught.counts),
                "accuracy": taught.accuracy,
                "accuracies": dict(taught.accuracies),
                "skipped": len(taught.skipped),
            }
        )
        return
    _print(taught, asked.out)


def _print(taught: TaughtModel, out: str) -> None:
    for label, count in taught.counts.items():
        images = ngettext("{count} image", "{count} images", count)
        share = taught.accuracies.get(label)
        if share is None:
            print_text(gettext("{label}: {images}", label=label, images=images))
        else:
            print_text(
                gettext("{label}: {images}, {share:.0%} right", label=label, images=images, share=share)
            )
    print_text(ngettext("{count} class in {file}", "{count} classes in {file}", len(taught.counts), file=out))
    if taught.accuracy is not None:
        note(
            gettext(
                "Each image was classified without itself: {share:.1%} right of all.", share=taught.accuracy
            )
        )
