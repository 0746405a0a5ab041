"""Call everything that onnxnn_runtime does with small files, and write what it returns.

    python calls.py FOLDER RESULT.npz

FOLDER is as tests/support/export_for_boards.py writes it. It needs Python 3.7 and onnxnn_runtime alone.
"""

from __future__ import annotations

import os
import sys

import numpy as np


def call_all(folder):
    """Return {what was called: its numbers, or its text}."""
    import onnxnn_runtime as rt

    def load(name):
        return rt.load(os.path.join(folder, name + ".onnx"), device="cpu")

    def stored(name):
        return np.load(os.path.join(folder, name + ".npz"))

    images = os.path.join(folder, "images")
    found = {"infer": load("mlp").infer(stored("mlp")["x"])}
    predictions = load("cnn").predict(images)
    found["predict: scores"] = np.array([each.score for each in predictions])
    found["predict: labels"] = np.array([each.label for each in predictions])
    found["embed"] = load("backbone").embed(images)
    found["sequences: infer"] = load("complaints").infer(stored("complaints")["x"])
    found["generate"] = np.array(load("poems").generate("春江", length=40, temperature=0.8, top_k=12, seed=3))
    source = stored("reverse")["x"]
    found["translate"] = np.array([str(each) for each in load("reverse").generate(source, beams=3)])
    noise = stored("doodles")["x"]
    options = {"label": [1, 0, 1], "guidance": 2.0, "steps": 5, "noise": noise}
    found["sample"] = load("doodles").sample(**options)
    found["sample, loop in the graph"] = load("doodles_loop").sample(**options)
    return found


if __name__ == "__main__":
    np.savez(sys.argv[2], **call_all(sys.argv[1]))
