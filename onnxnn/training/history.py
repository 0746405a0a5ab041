"""What training returns: one dict of plain numbers per epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.files.access import PathLike, write_atomically
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.html import SHOWN_ROWS, table
from onnxnn_runtime.outputs.output_files import check_output

Row = dict[str, float]


@checked_class()
class History(list[Row]):
    """One dict per epoch: epoch, loss, the metrics, val_loss and val_ metrics, lr.

    Args:
        rows: Epochs to begin with.

    Attributes:
        steps: One dict per training step of this run: epoch, step, loss and the metrics of that batch.
        best_epoch: The number of the best epoch, whose weights are in `best.pth` where there is validation
            data; None before the first.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        super().__init__(dict(row) for row in rows)
        self.steps: list[Row] = []
        self.best_epoch: int | None = None

    def column(self, name: str) -> list[float]:
        """Return one column's values, epochs without it left out."""
        return [row[name] for row in self if name in row]

    def _repr_html_(self) -> str:
        names = list(dict.fromkeys(name for row in self for name in row))
        rows = ([row.get(name, "") for name in names] for row in self[-SHOWN_ROWS:])
        return table(ngettext("{count} epoch", "{count} epochs", len(self)), names, rows, len(self))

    def write_csv(self, path: PathLike) -> Path:
        """Write one line per epoch under a header, in one go.

        Raises:
            OutputError: The file cannot be written, or would replace a file of another format.
        """
        check_output(path, "CSV")
        names = list(dict.fromkeys(name for row in self for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self)
        return write_atomically(path, lambda file: file.write(text.getvalue().encode("utf-8")))
