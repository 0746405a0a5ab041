"""onnxnn: define a network layer by layer, train it, and export it to ONNX."""

from typing import Any as _Any

from onnxnn_runtime.api.lazy import package_attribute as _package_attribute
from onnxnn_runtime.messages.shown_once import show_once as _show_once

from ._version import __version__ as __version__
from .checkpoint.info import pth_info
from .network import Network
from .network import Network as nn
from .network.advice import PACKAGE as _PACKAGE
from .training.callbacks import Callback

_show_once(processes=1)

__all__ = ["Callback", "Network", "nn", "pth_info"]


def __getattr__(name: str) -> _Any:
    return _package_attribute(__name__, name, __all__, {}, _PACKAGE)
