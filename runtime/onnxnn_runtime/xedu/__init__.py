"""Scripts written for XEduHub: `from onnxnn_runtime.xedu import Workflow as wf` is what they change."""

from __future__ import annotations

from .workflow import Workflow

__all__ = ["Workflow"]
