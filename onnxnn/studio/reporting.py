"""What a project's model gets right and wrong, on the images that training held back."""

from __future__ import annotations

import html
import json
import os

import onnxnn_runtime as rt
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.files.access import regular_file
from onnxnn_runtime.server.errors import Conflict

from .project import Project

__all__ = ["report_page"]

_LARGEST = 1 << 24
"""Bytes of the largest list of images that is read."""


def report_page(project: Project, lang: str) -> str:
    """Return the report as one HTML document that loads nothing.

    Images that stand nearly the same among those that were learned from are named there.

    Args:
        project: A project that was trained.
        lang: "en" or "zh".

    Raises:
        Conflict: It was not trained, or the images that were held back are gone.
        InputError: The model cannot be opened, or an image cannot be read.
    """
    if not project.model.is_file():
        raise Conflict.coded("E-STUDIO-03", "there is no model yet. Train the project first.")
    held_back = set(_held_back(project))
    test, labels, train = [], [], []
    for each in project.classes():
        for image in each.images:
            path = str(project.data / each.name / image)
            if f"{each.name}/{image}" in held_back:
                test.append(path)
                labels.append(each.name)
            else:
                train.append(path)
    if not test:
        raise _gone()
    model = rt.load(project.model)
    try:
        page = model.report(test, labels=labels, train=train or None, lang=lang, errors="skip").to_html()
    except DataError as error:
        raise _gone() from error
    for folder in (project.data, project.folder):
        page = page.replace(html.escape(str(folder) + os.sep), "")
    return page


def _held_back(project: Project) -> list[str]:
    """Return the images that were held back, as class/file; none where that is not known."""
    try:
        with open(regular_file(project.held_back), encoding="utf-8") as file:
            found = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return []
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _gone() -> Conflict:
    return Conflict.coded(
        "E-STUDIO-03",
        "the images that were held back from the training are not there any more, or belong to other "
        "classes. Train again.",
    )
