"""Values that no script means."""

from __future__ import annotations

__all__ = ["Pathless", "itself", "nested"]


class Pathless:
    """What claims to be a path: `__fspath__` returns what was given, or raises it."""

    def __init__(self, found):
        self._found = found

    def __fspath__(self):
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


def itself(copies):
    """Return a list that contains itself several times."""
    value = []
    value.extend([value] * copies)
    return value


def nested(depth, copies):
    """Return lists in lists, each of which stands several times in the next."""
    value = [1.0]
    for _ in range(depth):
        value = [value] * copies
    return value
