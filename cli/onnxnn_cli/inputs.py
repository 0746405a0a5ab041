"""What is typed as INPUT, as the runtime takes it."""

from __future__ import annotations

import io
import sys
from typing import Any, List, Optional, Sequence


def given(inputs: Sequence[Optional[str]]) -> List[Any]:
    """Return inputs with "-" replaced by the content of stdin: one image, or one table.

    Raises:
        InputError: "-" is given twice, or stdin is empty.
    """
    if "-" not in inputs:
        return list(inputs)
    from onnxnn_runtime.errors import InputError

    from .text import gettext

    if list(inputs).count("-") > 1:
        raise InputError.coded("E-INPUT-06", "-: stdin can be read only once. Give '-' once.")
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None or stream.isatty():
        raise InputError.coded(
            "E-INPUT-01",
            "-: expected a file on stdin, got {got}. Pipe one, as in `... - < cat.jpg`.",
            got=gettext("none") if stream is None else gettext("a terminal"),
        )
    data = stream.read()
    if not data:
        raise InputError.coded(
            "E-INPUT-01", "-: expected a file on stdin, got nothing. Pipe one, as in `... - < cat.jpg`."
        )
    return [_Stdin(data) if each == "-" else each for each in inputs]


def sources(inputs: Sequence[Optional[str]]) -> List[Optional[str]]:
    """Return what must not be replaced: the inputs, of which "-" may be a file, as in `... - < cat.png`."""
    return ["/dev/stdin" if each == "-" else each for each in inputs]


class _Stdin(io.BytesIO):
    """The content of stdin, by the name that results and messages show."""

    name = "-"
