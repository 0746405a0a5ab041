"""Names of columns, where each names one."""

from __future__ import annotations

from collections import Counter

from onnxnn_runtime.arrays.columns import names_listed
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.warn import warn


def unambiguous(names: tuple[str, ...], source: str) -> tuple[str, ...]:
    """Return names of columns; () where one occurs twice, with a warning."""
    if len(set(names)) == len(names):
        return names
    twice = names_listed(sorted(name for name, number in Counter(names).items() if number > 1))
    warn(
        gettext(
            "{source}: several columns are named {names}, so the columns have no names.",
            source=source,
            names=twice,
        )
    )
    return ()
