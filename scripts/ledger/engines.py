"""Run every file of a folder with one engine, and write how far its outputs are from the stored ones.

    python engines.py ENGINE FOLDER RESULT.json

ENGINE is "onnxruntime", "openvino", "reference" (that of the package onnx), "tract" or "opencv". For each
NAME.onnx of FOLDER, NAME.npz holds its inputs as "in:INPUT" and the expected outputs as "out:OUTPUT".
RESULT.json is {"version": ..., "python": ..., "processor": ..., "files": {NAME: the difference, or what
went wrong}}.

It needs Python 3.7, NumPy and the engine alone, tract the package onnx, too: it runs where nothing of onnxnn
is installed.
"""

from __future__ import annotations

import json
import os
import platform
import sys

import numpy as np


def open_onnxruntime(path):
    """Return (what runs a file, the version of ONNX Runtime)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(feeds):
        return dict(zip(names, session.run(names, feeds)))  # noqa: B905, Python 3.7 has no strict

    return run, onnxruntime.__version__


def open_openvino(path):
    """Return (what runs a file, the version of OpenVINO)."""
    sys.modules["openvino_telemetry"] = None  # else it reports that to a server
    import openvino

    core = openvino.Core()
    # Its default on some processors is bfloat16, which is not what is measured here.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(core.read_model(path), "CPU", settings)
    taken = {name for port in compiled.inputs for name in port.get_names()}

    def run(feeds):
        # An input with a default is a constant there.
        found = compiled({name: array for name, array in feeds.items() if name in taken})
        # An output may have the names of values inside the graph, too.
        return {name: np.array(found[port]) for port in compiled.outputs for name in port.get_names()}

    return run, openvino.__version__


def open_reference(path):
    """Return (what runs a file, the version of onnx)."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(path)

    def run(feeds):
        return dict(zip(evaluator.output_names, evaluator.run(None, feeds)))  # noqa: B905, likewise

    return run, onnx.__version__


def open_tract(path):
    """Return (what runs a file, the version of tract), which has names for its outputs of its own."""
    import onnx
    import tract

    graph = onnx.load(path).graph
    outputs = [value.name for value in graph.output]
    model = tract.onnx().load(path).into_model()
    taken = [model.input_name(i) for i in range(model.input_count())]
    runnable = model.into_runnable()

    def run(feeds):
        found = runnable.run([feeds[name] for name in taken])
        return {name: each.to_numpy() for name, each in zip(outputs, found)}  # noqa: B905, likewise

    return run, tract.version()


def open_opencv(path):
    """Return (what runs a file, the version of OpenCV)."""
    import cv2

    cv2.setLogLevel(0)
    network = cv2.dnn.readNetFromONNX(path)

    def run(feeds):
        for name, array in feeds.items():
            network.setInput(cv2.Mat(array, wrap_channels=False), name)  # else the last axis means channels
        names = network.getUnconnectedOutLayersNames()
        return dict(zip(names, network.forward(names)))  # noqa: B905, likewise

    return run, cv2.__version__


ENGINES = {
    "onnxruntime": open_onnxruntime,
    "openvino": open_openvino,
    "reference": open_reference,
    "tract": open_tract,
    "opencv": open_opencv,
}
"""Name of an engine -> what opens a file with it."""


def difference(found, expected):
    """Return the largest |found - expected| of two arrays, relative to the largest |expected|.

    Another shape and a value that is no number where one is expected are the difference inf.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return float("inf")
    if not expected.size:
        return 0.0
    largest = float(np.abs(expected.astype(np.float64)).max())
    worst = float(np.abs(found.astype(np.float64) - expected).max())
    if not worst <= sys.float_info.max:
        return float("inf")
    return worst / largest if largest > 0 else worst


def stored(path):
    """Return ({input: array}, {output: array}) of a .npz file."""
    with np.load(path) as arrays:
        parts = {name: arrays[name] for name in arrays.files}
    feeds, outputs = (
        {n.split(":", 1)[1]: a for n, a in parts.items() if n.startswith(p)} for p in ("in:", "out:")
    )
    return feeds, outputs


def largest(found, expected):
    """Return the largest difference of all outputs that are expected; one that is missing is inf."""
    return max(
        difference(found[name], array) if name in found else float("inf") for name, array in expected.items()
    )


def names_in(folder):
    """Return the names of the files, without their endings."""
    return sorted(name[: -len(".onnx")] for name in os.listdir(folder) if name.endswith(".onnx"))


def run_all(engine, folder):
    """Return what RESULT.json holds."""
    opened = ENGINES[engine]
    version, files = None, {}
    for name in names_in(folder):
        path = os.path.join(folder, name)
        feeds, expected = stored(path + ".npz")
        try:
            run, version = opened(path + ".onnx")
            files[name] = largest(run(feeds), expected)
        except ImportError:
            raise  # the engine itself is absent or broken
        except Exception as error:  # whatever an engine raises, it belongs into the table
            files[name] = "{}: {}".format(type(error).__name__, str(error).strip().split("\n")[0])
    return {
        "version": version,
        "python": platform.python_version(),
        "processor": platform.machine(),
        "files": files,
    }


if __name__ == "__main__":
    result = run_all(*sys.argv[1:3])
    with open(sys.argv[3], "w", encoding="utf-8") as file:
        json.dump(result, file)
