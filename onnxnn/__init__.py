"""onnxnn: define a network layer by layer, train it, and export it to ONNX."""

from typing import Any as _Any

from onnxnn_runtime.api.lazy import package_attribute as _package_attribute

from ._version import __version__ as __version__
from .checkpoint.info import pth_info
from .network import Network
from .network import Network as nn
from .training.callbacks import Callback

__all__ = ["Callback", "Network", "nn", "pth_info"]

_RUNTIME = "it is in the package onnxnn_runtime: import onnxnn_runtime as rt"
_ADVICE = {
    "get_similarity": _RUNTIME,
    "load": f"{_RUNTIME}; rt.load(path) opens an .onnx file, nn().load(path) a checkpoint",
    "Sequential": "use nn() and its add(layer)",
    "Model": "use nn() and its add(layer)",
    "Module": "use nn(); its add(module) takes a torch.nn.Module",
}


def __getattr__(name: str) -> _Any:
    return _package_attribute(__name__, name, __all__, {}, _ADVICE)
