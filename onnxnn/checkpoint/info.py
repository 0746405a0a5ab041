"""`pth_info`: what a checkpoint says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxnn_runtime.api.calls import checked
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.html import table
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.console.display import PrintedResult, say_or_show

from . import checkpoint as checkpoints

if TYPE_CHECKING:
    from onnxnn_runtime.card.card import LayerEntry

_SHOWN_WORDS = 10


@checked
def pth_info(checkpoint: str | Path) -> dict[str, object]:
    """Print and return what a checkpoint says about itself, under the names that BaseNN uses.

    Args:
        checkpoint: The checkpoint's file.

    Returns:
        tool, task, backbone (the layers), dataset_type, input_size, color, transform, CLASSES, word2idx,
        dataset_size, epoch, learning_rate, optimizer, loss, result (the last epoch's figures), parameters.
        What the network does not have is left out.

    Raises:
        CheckpointError: The file cannot be read.
    """
    facts = _facts(checkpoints.load(checkpoint))
    line = "=" * (len(str(checkpoint)) + 9)
    title = gettext("About {checkpoint}:", checkpoint=checkpoint)
    rows = [(name, _shortened(value) if name == "word2idx" else value) for name, value in facts.items()]
    lines = [title, line, *(f"{name} : {value}" for name, value in rows), line]
    html = table(title, (gettext("name"), gettext("value")), rows)
    say_or_show("\n".join(lines), html)
    return PrintedResult(facts, html)


def _facts(loaded: checkpoints.Checkpoint) -> dict[str, Any]:
    card = loaded.card
    how = card.training
    settings = _part(how, "settings")
    preprocess = card.input.preprocess
    facts = {
        "tool": f"onnxnn {_part(how, 'versions').get('onnxnn', '')}".strip(),
        "task": card.task,
        "backbone": [_layer(entry) for entry in card.network],
        "parameters": sum(value.numel() for value in loaded.state_dict.values()),
        "dataset_type": card.input.kind,
        "input_size": list(card.input.shape),
        "color": preprocess.color if preprocess else None,
        "transform": [list(step) for step in preprocess.steps] if preprocess else None,
        "CLASSES": list(card.output.classes) or None,
        "word2idx": card.input.vocabulary,
        "dataset_size": how.get("samples"),
        "epoch": how.get("epochs"),
        "learning_rate": settings.get("lr"),
        "optimizer": settings.get("optimizer"),
        "loss": settings.get("loss"),
        "result": _part(how, "final") or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _part(how: Mapping[str, object], key: str) -> dict[str, Any]:
    """Return what a card says by name of its training; {} where that is no object, as it may be."""
    part = how.get(key)
    return dict(part) if isinstance(part, dict) else {}


def _layer(entry: LayerEntry) -> str:
    options = ", ".join(
        f"{name}={shortened(tuple(value) if isinstance(value, list) else value)}"
        for name, value in entry["options"].items()
    )
    activation = f" + {entry['activation']}" if entry["activation"] else ""
    return f"{entry['name']}({options}){activation}"


def _shortened(words: dict[str, int]) -> str:
    shown = ", ".join(f"{word}: {number}" for word, number in list(words.items())[:_SHOWN_WORDS])
    return f"{{{shown}{', ...' if len(words) > _SHOWN_WORDS else ''}}}"
