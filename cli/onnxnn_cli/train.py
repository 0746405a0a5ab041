"""`onnxnn train`: train the network that a recipe describes."""

from __future__ import annotations

from typing import Optional

import typer

from .options import JSON
from .output import need_onnxnn, note, print_json, print_text, progress_on_stderr
from .script import run_script
from .text import gettext, runtime_module

HELP = gettext(
    "Train the network that a recipe describes, or run a script that trains.\n\n"
    "Needs the training package. docs/recipes.md says what a recipe holds. A script runs as with python, "
    "and an error of onnxnn shows its message and the lines of the script (ONNXNN_TRACEBACK=1: all "
    "lines).\n\n"
    "Example: onnxnn train recipes/lenet.yaml"
)
"""The help text."""


def train(
    recipe: str = typer.Argument(
        ...,
        metavar="RECIPE",
        help=gettext("A recipe, e.g. recipes/lenet.yaml, or a Python script, e.g. lesson.py."),
    ),
    devices: Optional[int] = typer.Option(
        None,
        "--devices",
        metavar="N",
        help=gettext("How many devices train together, each with its own process; instead of the recipe's."),
    ),
    precision: Optional[str] = typer.Option(
        None,
        "--precision",
        metavar="PRECISION",
        help=gettext(
            "32, bf16 or 16, in which operations compute; weights stay float32. Instead of the recipe's."
        ),
    ),
    as_json: bool = JSON,
) -> None:
    """Train the network that a recipe describes, or run a script that trains."""
    recipes = need_onnxnn("train", "onnxnn.recipe")
    if recipe.lower().endswith(".py"):
        if devices is not None:
            raise typer.BadParameter(
                gettext("a script says itself on how many devices it trains: train(devices=2).")
            )
        if precision is not None:
            raise typer.BadParameter(
                gettext("a script says itself in which precision it trains: train(precision='bf16').")
            )
        run_script(recipe)
        return
    with progress_on_stderr():
        done = recipes.read_recipe(recipe).on_devices(devices).in_precision(precision).run()
    if not runtime_module("messages.processes").is_main_process():
        return
    last = done.history[-1] if done.history else {}
    if as_json:
        print_json(
            {
                "history": list(done.history),
                "folder": str(done.folder),
                "model": None if done.model is None else str(done.model),
            }
        )
        return
    values = ", ".join(f"{key} {_short(value)}" for key, value in last.items())
    print_text(gettext("last epoch: {values}", values=values))
    note(gettext("checkpoints: {folder}", folder=done.folder))
    if done.model is not None:
        note(gettext("model: {file}", file=done.model))


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
