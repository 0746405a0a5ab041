"""What is taken along: the ONNX file, the page that runs it, and what a board needs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import PathLike, cannot_read
from onnxnn_runtime.server.errors import Conflict
from onnxnn_runtime.web.page import write_page

from .project import Project

__all__ = ["EXPORTS", "exported"]


def _model(project: Project, ort: PathLike | None) -> bytes:
    return _content(project.model)


def _page(project: Project, ort: PathLike | None) -> bytes:
    return _content(write_page(project.model, project.page, ort=ort))


def _board(project: Project, ort: PathLike | None) -> bytes:
    """Return a ZIP file of the model, the script that runs it, and the image that the script reads."""
    file = io.BytesIO()
    sample = project.model.with_name(f"{project.model.stem}_sample.png")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in (project.model, project.script, sample):
            packed.writestr(f"{project.model.stem}/{path.name}", _content(path))
    return file.getvalue()


EXPORTS: Mapping[str, tuple[str, Callable[[Project, PathLike | None], bytes]]] = {
    "onnx": ("application/octet-stream", _model),
    "html": ("text/html", _page),
    "zip": ("application/zip", _board),
}
"""What can be taken along, by the ending of its file: the media type, and what makes it."""


def exported(project: Project, kind: object, ort: PathLike | None) -> tuple[str, bytes]:
    """Return the media type and the content of what is taken along.

    Args:
        project: A project that was trained.
        kind: A key of `EXPORTS`.
        ort: The folder of onnxruntime-web, as for `write_page`.

    Raises:
        InputError: There is no such kind, or onnxruntime-web is not to be had.
        Conflict: The project was not trained yet.
        OutputError: The page cannot be written.
    """
    if not isinstance(kind, str) or kind not in EXPORTS:
        raise InputError.coded("E-STUDIO-03", "expected one of {known}.", known=", ".join(EXPORTS))
    if not project.model.is_file():
        raise Conflict.coded("E-STUDIO-03", "there is no model yet. Train the project first.")
    media_type, make = EXPORTS[kind]
    return media_type, make(project, ort)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise cannot_read(path, error) from error
