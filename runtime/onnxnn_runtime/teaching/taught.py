"""`TaughtModel`: what `teach` returns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Mapping, Sequence

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.api.options import takes_by_name
from onnxnn_runtime.files.access import PathLike, write_atomically
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.inputs.options import ReadOptions
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.model import Model
from onnxnn_runtime.outputs.output_files import check_output, check_suffix
from onnxnn_runtime.results import Predictions

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from onnxnn_runtime.inputs.options import Reading


@checked_class()
class TaughtModel:
    """What a model was taught, verified and ready to be used and saved.

    Args:
        model: The new file, opened.
        content: Its bytes, which `save` writes.
        counts: How many images of each class there were, by its name, of all times that it was taught.
        accuracy: Of these images, each classified without itself (leave-one-out), 0..1; None where no class
            has two. Of thousands a sample of each class is classified.
        accuracies: The same for each class that has two images.
        skipped: The inputs that were left out.
    """

    def __init__(
        self,
        model: Model,
        content: bytes,
        counts: Mapping[str, int],
        accuracy: float | None,
        accuracies: Mapping[str, float],
        skipped: Sequence[Skipped],
    ) -> None:
        self.model = model
        self.content = content
        self.counts = counts
        self.accuracy = accuracy
        self.accuracies = accuracies
        self.skipped = skipped

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the scores."""
        return tuple(self.counts)

    @takes_by_name(ReadOptions)
    def predict(
        self, inputs: object, k: int = 1, *, unknown: bool = False, **options: Unpack[Reading]
    ) -> Predictions:
        """Classify inputs; see `onnxnn_runtime.Model.predict`.

        Args:
            inputs, k, unknown, errors, batch_size: See `onnxnn_runtime.Model.predict`.
            progress, channel_order: See `onnxnn_runtime.Model.predict`.
        """
        return self.model.predict(inputs, k, unknown=unknown, **options)

    def save(self, path: PathLike, force: bool = False) -> Path:
        """Write one `.onnx` file, whole or not at all.

        Args:
            path: The file to write; a model there is replaced.
            force: Replace a file of another format, too.

        Raises:
            OutputError: It cannot be written, or its name is none for an ONNX file.
        """
        check_suffix(path, (".onnx",))
        check_output(path, "ONNX", (), force)
        return write_atomically(path, lambda file: file.write(self.content))

    def __repr__(self) -> str:
        said = "" if self.accuracy is None else gettext(", accuracy {share:.2f}", share=self.accuracy)
        return gettext(
            "<TaughtModel: {classes}, {images}{accuracy}>",
            classes=ngettext("{count} class", "{count} classes", len(self.counts)),
            images=ngettext("{count} image", "{count} images", sum(self.counts.values())),
            accuracy=said,
        )
