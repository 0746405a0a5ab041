"""The history as an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from onnxnn_runtime.errors import OnnxnnError, TrainingError
from onnxnn_runtime.files.access import PathLike, as_path, write_atomically
from onnxnn_runtime.images.fonts import lettering
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.outputs.output_files import check_output

from onnxnn.training.history import History

from .wording import gettext

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties

_LONGEST_TITLE = 500


def plot_history(
    history: History, path: PathLike = "history.png", title: str = "", force: bool = False
) -> Path:
    """Draw loss, metrics and their validation values over the epochs, one panel for each.

    Args:
        history: What `train` returned.
        path: A .png, .svg or .pdf file.
        title: What stands above all panels; Chinese, too, where the system has a font for it.
        force: Whether to replace a file of another format.

    Raises:
        OnnxnnError: matplotlib is not installed, or cannot write that kind of file.
        OutputError: The file cannot be written.
        TrainingError: There is no epoch to draw, or the title is no text.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.font_manager import FontProperties
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise OnnxnnError.coded(
            "E-PACKAGE-01", "drawing needs matplotlib. Install it: pip install matplotlib."
        ) from error
    if not history:
        raise TrainingError.coded("E-TRAIN-01", "there is no finished epoch to draw. Train first.")
    if not isinstance(title, str) or len(title) > _LONGEST_TITLE or _has_surrogates(title):
        raise TrainingError.coded(
            "E-INPUT-06",
            "title={title}: expected a text of at most {longest} characters in UTF-8.",
            title=shortened(title),
            longest=_LONGEST_TITLE,
        )
    names = [name for name in history[0] if not name.startswith("val_") and name not in ("epoch", "lr")]
    figure = Figure(figsize=(4.5 * len(names), 3.6), layout="constrained")  # no window, no global state
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _draw(axes, history, name, FontProperties)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if title:
        text, font = lettering(title)
        figure.suptitle(text, fontproperties=FontProperties(fname=font, size=14))
    kind = as_path(path).suffix.lstrip(".").lower() or "png"
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise OnnxnnError.coded(
            "E-OUTPUT-01",
            "{path}: cannot draw a .{kind} file. Choose one of {known}.",
            path=path,
            kind=kind,
            known=", ".join(sorted(known)),
        )
    check_output(path, _FORMATS.get(kind, kind.upper()), force=force)
    return write_atomically(path, lambda file: figure.savefig(file, format=kind, dpi=120))


_FORMATS = {"jpg": "JPEG", "tif": "TIFF"}
"""Formats that are not called as their names end."""


def _has_surrogates(text: str) -> bool:
    """Return whether a text holds halves of characters, which no font draws."""
    return any("\ud800" <= each <= "\udfff" for each in text)


def _draw(axes: Axes, history: History, name: str, properties: type[FontProperties]) -> None:
    marker = "o" if len(history) == 1 else ""
    for column, label in ((name, gettext("training")), (f"val_{name}", gettext("validation"))):
        points = [(row["epoch"], row[column]) for row in history if column in row]
        if points:
            axes.plot(*zip(*points, strict=True), label=label, marker=marker)
    text, font = lettering(gettext("epoch"))
    axes.set(xlabel=text, title=name)
    axes.grid(alpha=0.3)
    words = [axes.xaxis.label, *axes.legend().get_texts()]
    if font is not None:
        for each in words:
            each.set_fontproperties(properties(fname=font, size=each.get_fontsize()))
