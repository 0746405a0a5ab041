"""`ModelReport`: figures for programs, a page for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, Mapping

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import PathLike, write_atomically
from onnxnn_runtime.messages.catalogue import CHINESE, ENGLISH, gettext, ngettext, speaking
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of
from onnxnn_runtime.outputs.output_files import check_output, check_suffix

from .shown import interval

if TYPE_CHECKING:
    from PIL import Image

SCHEMA = 1
"""The version of `ModelReport.to_dict`."""

LANGUAGES: Mapping[str, str] = {"en": ENGLISH, "zh": CHINESE}
"""What a page may be written in, and how the catalogue calls it."""

_FORMATS: Mapping[str, str] = {".html": "HTML", ".json": "JSON", ".png": "PNG"}


@checked_class()
class ModelReport(Mapping[str, object]):
    """What a model gets right and wrong on labelled samples, as `Model.report` returns it.

        report = model.report("pets/test")
        report["accuracy"], report["classes"][0]["recall"]
        report.save("report.html")

    It is a mapping of what `to_dict` returns, and notebooks show the page.

    Args:
        facts: Figures and lists.
        images: Small images of the samples that are shown, by their names.
        lang: The language of the page: "en" or "zh"; None takes that of messages.
    """

    def __init__(
        self, facts: Mapping[str, object], images: Mapping[str, object] | None = None, lang: str | None = None
    ) -> None:
        self._facts = dict(facts)
        self._images = dict(images or {})
        self._lang = lang

    def __getitem__(self, name: str) -> object:
        return self._facts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)

    def to_dict(self) -> dict[str, object]:
        """Return the figures and lists as plain data, which JSON can hold."""
        found: dict[str, object] = json.loads(json.dumps(self._facts))
        return found

    def to_html(self, lang: str | None = None) -> str:
        """Return the page: one HTML document that loads nothing.

        Args:
            lang: "en" or "zh"; None takes the report's own.

        Raises:
            InputError: It is another language.
        """
        from .page import page

        check_language(lang)
        chosen = lang or self._lang
        with speaking(LANGUAGES[chosen]) if chosen else speaking(None):
            return page(self._facts, self._images)

    def matrix_image(self) -> Image.Image:
        """Return the confusion matrix as an image.

        Raises:
            InputError: The model has no classes.
        """
        if "confusion" not in self._facts:
            raise InputError.coded(
                "E-INPUT-08",
                "matrix_image(): expected a report on classes, got one on a model that has none. Save the "
                "page: "
                "save('report.html').",
            )
        from .matrix import draw_matrix

        with speaking(LANGUAGES[self._lang]) if self._lang else speaking(None):
            return draw_matrix(self._facts)

    def save(self, path: PathLike, *, lang: str | None = None, force: bool = False) -> Path:
        """Write the report into a file of the format that its name says.

        Args:
            path: `.html` for the page, `.json` for `to_dict`, `.png` for the confusion matrix.
            lang: The language of the page, "en" or "zh"; None takes the report's own.
            force: Whether to replace a file of another format.

        Returns:
            The path written.

        Raises:
            InputError: The name has another end, or there is no confusion matrix.
            OutputError: The file cannot be written, or would replace one of another format.
        """
        kind = check_saved(path, [self._facts.get("model"), self._facts.get("data")], force)
        if kind == "HTML":
            content = self.to_html(lang).encode("utf-8")
            return write_atomically(path, lambda file: file.write(content))
        if kind == "JSON":
            text = json.dumps(self._facts, indent=2, allow_nan=False)
            return write_atomically(path, lambda file: file.write(text.encode("ascii")))
        image = self.matrix_image()
        return write_atomically(path, lambda file: image.save(file, format="PNG"))

    def __repr__(self) -> str:
        return f"<{summary(self._facts)}>"

    def __str__(self) -> str:
        return summary(self._facts)

    def _repr_html_(self) -> str:
        from .page import fragment

        with speaking(LANGUAGES[self._lang]) if self._lang else speaking(None):
            return fragment(self._facts, self._images)


def check_language(lang: object) -> None:
    """Refuse a language that no page is written in.

    Raises:
        InputError: It is one.
    """
    if lang is not None and not is_one_of(lang, tuple(LANGUAGES)):
        raise InputError.coded(
            "E-INPUT-06",
            "lang={lang}: expected 'en', 'zh', or None for the language of messages.",
            lang=shortened(lang),
        )


def check_saved(path: PathLike, sources: list[object], force: bool, option: str = "force=True") -> str:
    """Return the format that a file's name asks for.

    Args:
        path: The file to write.
        sources: The inputs, which are not replaced.
        force: Whether to replace a file of another format.
        option: How the caller says so, for messages.

    Raises:
        InputError: The name has another end than those that are written.
        OutputError: The file cannot be written, or would replace another one.
    """
    kind = _FORMATS[check_suffix(path, tuple(_FORMATS), error=InputError)]
    check_output(path, kind, [each for each in sources if each is not None], force, option)
    return kind


def summary(facts: Mapping[str, object]) -> str:
    """Return a report in one line."""
    samples = ngettext("{count} sample", "{count} samples", int(str(facts["samples"])))
    if "accuracy_interval" in facts:
        low, high = interval(facts, "accuracy_interval")
        return gettext(
            "accuracy {accuracy:.1%} ({low:.1%} to {high:.1%} with 95 % confidence), {samples}",
            accuracy=facts["accuracy"],
            low=low,
            high=high,
            samples=samples,
        )
    if "r2" in facts:
        return gettext(
            "R² {r2:.3f}, mean absolute error {mae:.4g}, {samples}",
            r2=facts["r2"],
            mae=facts["mae"],
            samples=samples,
        )
    if "perplexity" in facts:
        found = facts["perplexity"]
        return gettext("perplexity {perplexity:.4g}, {samples}", perplexity=found, samples=samples)
    found = facts["accuracy"]
    return gettext("accuracy {accuracy:.1%} of the steps, {samples}", accuracy=found, samples=samples)
