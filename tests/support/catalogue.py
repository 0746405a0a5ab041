"""The script that extracts and compiles the messages, as a module."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "messages.py"


def messages_script():
    """Return `scripts/messages.py`; the test is skipped where babel, which it needs, is missing."""
    pytest.importorskip("babel")
    spec = importlib.util.spec_from_file_location("messages", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
