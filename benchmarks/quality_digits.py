"""How well the shipped recipes name digits that they were not trained on.

    python benchmarks/quality_digits.py [RECIPE ...]

Trains recipes/RECIPE.yaml (lenet and resnet18 by default) on 80 % of the 1,797 handwritten digits, each
with its own seed, and prints the share of the held-out 20 % that it names rightly after the last epoch.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from pathlib import Path

from quick import QUICK, quick_or

from onnxnn.recipe import read_recipe

FOLDER = Path(__file__).parents[1] / "recipes"


def accuracy(name: str) -> float:
    """Return the accuracy on the held-out digits."""
    recipe = read_recipe(FOLDER / f"{name}.yaml")
    with tempfile.TemporaryDirectory() as folder:
        held_out = dataclasses.replace(
            recipe,
            data_options={**recipe.data_options, "train_val_ratio": 0.8},
            save_fold=Path(folder),
            train={**recipe.train, "epochs": 1} if QUICK else recipe.train,
            export=None,
        )
        return float(held_out.run().history[-1]["val_acc"])


def main() -> None:
    """Print a line for each recipe."""
    for name in sys.argv[1:] or quick_or(["lenet"], ["lenet", "resnet18"]):
        start = time.perf_counter()
        found = accuracy(name)
        print(f"{name}: {found:.4f} held out, {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
