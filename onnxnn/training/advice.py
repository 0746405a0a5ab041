"""What to say after a training: which epoch was best, and what to try where validation stayed at chance."""

from __future__ import annotations

import math

from onnxnn_runtime.messages.catalogue import gettext, ngettext

from .history import History

_FIGURES = 5
"""Epochs at the end of which every one has to be at chance."""


def best_line(history: History, monitor: str) -> str:
    """Return which epoch was best, as a line.

    Args:
        history: The training's, with validation.
        monitor: The column that says so.
    """
    row = next(row for row in history if row["epoch"] == history.best_epoch)
    names = dict.fromkeys((monitor, *(name for name in row if name.startswith("val_"))))
    figures = "  ".join(f"{name} {row[name]:.4g}" for name in names)
    return gettext(
        "best epoch {best} of {epochs}: {figures}  (best.pth)",
        best=history.best_epoch,
        epochs=len(history),
        figures=figures,
    )


def advice(history: History, num_classes: int, samples: int, held_back: int) -> list[str]:
    """Return what a user should know about a training of a classifier with validation; usually nothing.

    Args:
        history: The training's.
        num_classes: How many classes the data has.
        samples: How many samples were learned from.
        held_back: How many validated.
    """
    found = []
    if held_back <= 2 * num_classes:
        found.append(
            gettext(
                "the validation set has {samples} for {classes}, so its figures are coarse. "
                "Hold more samples back with a smaller train_val_ratio, or collect more.",
                samples=ngettext("{count} sample", "{count} samples", held_back),
                classes=ngettext("{count} class", "{count} classes", num_classes),
            )
        )
    last = history[-1]
    if num_classes > 1 and _is_at_chance(history, num_classes):
        learned = f"acc {last['acc']:.4g}" if "acc" in last else f"loss {last['loss']:.4g}"
        held = f"val_acc {last['val_acc']:.4g}" if "val_acc" in last else f"val_loss {last['val_loss']:.4g}"
        found.append(
            gettext(
                "the network knows its training samples ({samples}, {learned}), and is no better than a "
                "guess on others ({held} with {classes} classes). Try more samples, random changes of them "
                "(for images transform={{'RandomHorizontalFlip': {{'p': 0.5}}}}), a smaller network, or "
                "trained weights to begin with (load_weights).",
                samples=samples,
                learned=learned,
                held=held,
                classes=num_classes,
            )
        )
    return found


def _is_at_chance(history: History, num_classes: int) -> bool:
    """Return whether training is all but perfect, and validation was no better than a guess to the end."""
    last, rows = history[-1], history[-_FIGURES:]
    if "acc" in last and "val_acc" in last:
        return last["acc"] >= 0.9 and all(row.get("val_acc", 1.0) <= 1.25 / num_classes for row in rows)
    guess = math.log(num_classes)
    return last["loss"] <= 0.2 * guess and all(row.get("val_loss", 0.0) >= guess for row in rows)
