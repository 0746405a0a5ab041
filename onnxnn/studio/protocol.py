"""What the process that trains says to the one that serves: lines of JSON, each an object with `event`.

| event | its facts |
| - | - |
| `load` | none: data are loaded and the network is built |
| `start` | `epochs`: how many there will be |
| `step` | `share`: how much of the training is done, 0..1 |
| `epoch` | `row`: the figures of an epoch, as `train` returns them |
| `export` | none: training is over, and the ONNX file is written |
| `done` | `stopped`: whether it ended early since it was asked to |
| `error` | `text` and `code` of an error of ours |

The process reads `STOP` from its standard input, and ends at once where that is closed.
"""

from __future__ import annotations

import json
import math
from typing import IO

__all__ = ["LARGEST", "STOP", "parsed", "send"]

STOP = "stop\n"
LARGEST = 1 << 16
"""Bytes of the longest line."""


def send(file: IO[str], event: str, **facts: object) -> None:
    """Write one message; figures that JSON does not have, NaN and infinite ones, become null."""
    file.write(json.dumps({"event": event, **_finite(facts)}, ensure_ascii=False, allow_nan=False) + "\n")
    file.flush()


def parsed(line: bytes) -> dict[str, object]:
    """Return a message; {} of a line that is none."""
    try:
        found = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("event"), str) else {}


def _finite(facts: dict[str, object]) -> dict[str, object]:
    return {
        name: _finite(value)
        if isinstance(value, dict)
        else None
        if isinstance(value, float) and not math.isfinite(value)
        else value
        for name, value in facts.items()
    }
