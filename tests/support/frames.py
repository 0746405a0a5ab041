"""A DataFrame as small as one can be: what the libraries have in common."""

from __future__ import annotations

import numpy as np


class Frame:
    """Named columns, as pandas and polars hand them out.

    Args:
        columns: The values of each column by its name.
    """

    def __init__(self, columns):
        self._columns = {name: np.asarray(values) for name, values in columns.items()}
        self.columns = list(columns)

    def __getitem__(self, names):
        if isinstance(names, list):
            return Frame({name: self._columns[name] for name in names})
        return self._columns[names]

    def __len__(self):
        return len(next(iter(self._columns.values())))

    def to_numpy(self):
        columns = list(self._columns.values())
        return np.stack(columns, 1) if all(c.dtype.kind in "fiub" for c in columns) else _objects(columns)

    def __array__(self, dtype=None, copy=None):
        return self.to_numpy().astype(dtype) if dtype else self.to_numpy()


def _objects(columns):
    array = np.empty((len(columns[0]), len(columns)), object)
    for position, column in enumerate(columns):
        array[:, position] = column.tolist()
    return array
