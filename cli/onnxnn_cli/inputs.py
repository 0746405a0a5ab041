"""What is typed as INPUT, as the runtime takes it."""

from __future__ import annotations

import io
import sys
from typing import Any, List, Optional, Sequence


def given(inputs: Sequence[Optional[str]]) -> List[Any]:
    """Return inputs with "-" replaced by what comes on stdin: one image, or one table.

    Raises:
        InputError: "-" is given twice, or nothing comes on stdin.
    """
    if "-" not in inputs:
        return list(inputs)
    from onnxnn_runtime.errors import InputError

    if list(inputs).count("-") > 1:
        raise InputError("-: stdin can be read once only; give '-' once.")
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None or stream.isatty():
        got = "none" if stream is None else "a terminal"
        raise InputError(f"-: expected a file on stdin, got {got}; pipe one, as in `... - < cat.jpg`.")
    data = stream.read()
    if not data:
        raise InputError("-: stdin is empty; pipe a file, as in `... - < cat.jpg`.")
    return [_Stdin(data) if each == "-" else each for each in inputs]


def sources(inputs: Sequence[Optional[str]]) -> List[Optional[str]]:
    """Return what must not be replaced: the inputs, of which "-" may be a file, as in `... - < cat.png`."""
    return ["/dev/stdin" if each == "-" else each for each in inputs]


class _Stdin(io.BytesIO):
    """What came on stdin, by the name that results and messages show."""

    name = "-"
