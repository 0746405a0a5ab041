"""Cross-validation: how well networks like this one do on samples that they did not learn from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.columns import aligned
from onnxnn_runtime.messages.notebook import in_notebook
from onnxnn_runtime.messages.streams import is_terminal

from onnxnn.console.progress import Bar, progress_bar
from onnxnn.data.folds import Fold, folds_of, summed_up
from onnxnn.training import job as jobs
from onnxnn.training.callbacks import Callback
from onnxnn.training.class_weights import ClassWeight
from onnxnn.training.random_state import random_state, seed_all, set_random_state
from onnxnn.training.trainer import Trainer

from .core import NetworkCore
from .state import NetworkState
from .training import check_seed, train

__all__ = ["CrossValidation", "cross_validate"]


@dataclass(frozen=True)
class CrossValidation:
    """What networks of one kind scored on the folds that they did not learn from.

        found = model.cross_validate(k=5)
        print(found)                       # a table of folds
        found.mean["acc"], found.std["acc"]

    Args:
        scores: For each fold the loss and the metrics, as `evaluate` returns them.
    """

    scores: tuple[dict[str, float], ...]

    @property
    def mean(self) -> dict[str, float]:
        """The mean over the folds of the loss and of each metric."""
        return {name: summed_up(self.scores, name)[0] for name in self.scores[0]}

    @property
    def std(self) -> dict[str, float]:
        """Their standard deviation over the folds, with k in the divisor."""
        return {name: summed_up(self.scores, name)[1] for name in self.scores[0]}

    def __str__(self) -> str:
        names = list(self.scores[0])
        rows = [(gettext("fold"), *names)]
        rows += [
            (f"{number}/{len(self.scores)}", *(f"{each[name]:.4g}" for name in names))
            for number, each in enumerate(self.scores, 1)
        ]
        for title, found in ((gettext("mean"), self.mean), (gettext("deviation"), self.std)):
            rows.append((title, *(f"{found[name]:.4g}" for name in names)))
        return "\n".join(aligned(rows, right=range(1, len(names) + 1)))


def cross_validate(
    self: NetworkCore,
    k: int = 5,
    lr: float | None = None,
    epochs: int = 30,
    batch_size: int | None = None,
    loss: str | None = None,
    metrics: str | Sequence[str] | None = None,
    *,
    schedule: str | Mapping[str, object] | None = None,
    clip: float | None = None,
    class_weight: ClassWeight = None,
    device: str = "auto",
    precision: str | int = "32-true",
    seed: int = 0,
) -> CrossValidation:
    """Train k networks like this one, each without another part of the data, and say how each scores there.

    The samples to learn from are divided into k folds of equal size, stratified where they have classes. For
    each fold a copy of this network, with the weights that it has now, learns from the other folds and is
    evaluated on this one, without augmentation; tables and sequences are standardised, and gaps filled, by
    what is learned from. The network itself, its data and the random generators stay as they are, no
    checkpoint is kept, and what a loader held back (`train_val_ratio`) is never looked at. The same seed
    gives the same folds, orders and scores on the same processor.

    Args:
        k: How many folds, from 2 to the number of samples.
        lr, epochs, batch_size, loss, schedule, clip, class_weight: See
            `onnxnn.training.settings.TrainSettings`.
        metrics: What to measure beside the loss, as for `evaluate`; None takes acc for classes and mae for
            values.
        device, precision: See `onnxnn.training.device_options.DeviceOptions`.
        seed: Says which samples are in which fold, and begins each training.

    Raises:
        TrainingError: The network was trained already, or neither classifies nor predicts values; or as for
            `train`.
        DataError: There is no data, or `k` is out of range.
    """
    data, state = self._need_data(), self._state
    state.check_layers()
    _check_untrained(state)
    check_seed("cross_validate", seed)
    learn = partial(
        train, lr=lr, epochs=epochs, batch_size=batch_size, loss=loss, schedule=schedule, clip=clip
    )
    learn = partial(learn, class_weight=class_weight, device=device, precision=precision)
    before, scores = random_state(), []
    names = state.kind.default_metrics if metrics is None else metrics
    try:
        seed_all(seed)
        _ = state.net  # built here where it was not yet, so that every fold begins with the same weights
        with _kept(state), _bar(self.verbose, k, epochs) as callbacks:
            for number, fold in enumerate(folds_of(data, k, seed)):
                seed_all(seed)
                scores.append(_score(state, fold, partial(learn, callbacks=callbacks), (loss, names)))
                self._say([_line(number, k, scores[-1])])
    finally:
        set_random_state(before)
    return CrossValidation(tuple(scores))


def _check_untrained(state: NetworkState) -> None:
    """Refuse a network that knows the samples that it would be judged by, or that cannot be judged so."""
    if state.task not in ("cls", "reg") or state.kind.samples_images or state.kind.writes_tokens:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "cross_validate(): expected a network that classifies or predicts values, nn('cls') or "
            "nn('reg'), got nn({task}) or layers that generate. Use train() and evaluate().",
            task=repr(state.task),
        )
    if state.owned is not None:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "cross_validate(): expected a network that was not trained yet, got one that may have learned "
            "from the samples it is judged by. Build it again and call cross_validate() before train().",
        )


@contextmanager
def _kept(state: NetworkState) -> Iterator[None]:
    """Give custom modules, which are the user's own objects, their weights back."""
    weights = [
        {name: value.clone() for name, value in module.state_dict().items()}
        for module in state.custom_modules()
    ]
    try:
        yield
    finally:
        for module, kept in zip(state.custom_modules(), weights, strict=True):
            module.load_state_dict(kept)


def _score(
    state: NetworkState,
    fold: Fold,
    learn: Callable[..., object],
    measured: tuple[str | None, str | Sequence[str]],
) -> dict[str, float]:
    """Return the loss and the metrics on a fold of a network that learned from the others.

    Args:
        state: The network.
        fold: The fold.
        learn: `train` with its options, but for the network and the folder.
        measured: Loss and metrics.
    """
    definition = state.definition
    if fold.normalize is not None:
        definition = definition.with_normalize(fold.normalize)
    other = NetworkCore(state.task, verbose=0)
    other._state = replace(state, definition=definition, data=fold.data)
    with tempfile.TemporaryDirectory() as folder, _kept(state):
        learn(other, save_fold=folder)
        trained = other._state
        classes = len(other.card().classes)
        batches = fold.held_out.with_batch_size(fold.data.train.batch_size)
        return jobs.evaluate_network(trained.kind, other.model, batches, classes, *measured)


def _line(number: int, k: int, score: Mapping[str, float]) -> str:
    figures = "  ".join(f"{name} {value:.4g}" for name, value in score.items())
    return gettext("fold {number}/{k}  {figures}", number=number + 1, k=k, figures=figures)


@contextmanager
def _bar(verbose: int, k: int, epochs: int) -> Iterator[list[Callback]]:
    """Show a bar over the epochs of all folds, on a terminal or in a notebook."""
    if not verbose or not isinstance(k, int) or not (is_terminal() or in_notebook()):
        yield []
        return
    bar = progress_bar(k * epochs, gettext("epoch"))
    bar.set_description(gettext("cross-validation"))
    try:
        yield [_Advance(bar)]
    finally:
        bar.close()


class _Advance(Callback):
    """Advances a bar after each epoch."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def on_epoch(self, trainer: Trainer) -> None:
        self._bar.update()
