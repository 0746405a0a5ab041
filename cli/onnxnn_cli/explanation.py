"""What is said about one code of an error."""

from __future__ import annotations

from typing import NamedTuple


class Explanation(NamedTuple):
    """What `onnxnn explain` says about one kind of mistake; cause and remedy are keys of the catalogue."""

    cause: str
    example: str
    remedy: str
