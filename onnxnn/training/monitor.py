"""Which epoch of a training is best, and when to stop for want of a better one."""

from __future__ import annotations

import math
from collections.abc import Iterable

from .history import Row
from .metrics import higher_is_better
from .state import TrainingState


class Monitor:
    """The column of the history that says which epoch is best.

    Args:
        column: Its name.
        patience: Stop after this many epochs that were no better; None never does.

    Attributes:
        best: The best value so far, lower is better; infinity before the first epoch.
    """

    def __init__(self, column: str, patience: int | None) -> None:
        self._column, self._patience = column, patience
        self._sign = -1 if higher_is_better(column) else 1
        self.best = math.inf
        self._epochs_since_best = 0

    def signed(self, row: Row) -> float:
        """Return what an epoch's row says, lower is better."""
        return self._sign * row[self._column]

    def judge(self, row: Row) -> bool:
        """Count an epoch, and return whether it is the best so far."""
        value = self.signed(row)
        is_best = value < self.best
        self._epochs_since_best = 0 if is_best else self._epochs_since_best + 1
        self.best = min(self.best, value)
        return is_best

    @property
    def is_patience_over(self) -> bool:
        """Whether training is to stop."""
        return self._patience is not None and self._epochs_since_best >= self._patience

    def state(self) -> TrainingState:
        """Return what is needed to resume."""
        return {"best": self.best, "epochs_since_best": self._epochs_since_best}

    def load(self, state: TrainingState) -> None:
        """Resume from what `state` returned."""
        self.best, self._epochs_since_best = float(state["best"]), int(state["epochs_since_best"])

    def look_back(self, rows: Iterable[Row]) -> None:
        """Let an epoch have to be better than all of an earlier training to be the best."""
        self.best = min((self.signed(row) for row in rows if self._column in row), default=math.inf)
