"""Facts that several packages state: each stands here, and nowhere else."""

from __future__ import annotations

TASKS = ("cls", "reg", "gen", "embed")
"""What networks learn: classes, values, to generate, or vectors to compare."""

OPSET = 13
"""The opset of the ONNX domain in which files are written by default."""

IR_VERSION = 7
"""The version of the ONNX file format by default; with opset 13 every ONNX Runtime since 1.8 reads it."""

TOLERANCE = 1e-4
"""The largest difference between a file and torch by default, relative to the largest output."""
