"""What a card says, in the language of the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

from onnxnn_runtime.messages.catalogue import gettext, ngettext

if TYPE_CHECKING:
    from .quantization import QuantizationSpec
    from .unknown import UnknownSpec


def kind_name(kind: str) -> str:
    """Return a kind of input or output, such as "table", in the language of the user.

    Args:
        kind: One of `INPUT_KINDS` or `OUTPUT_KINDS`.
    """
    words = {
        "image": gettext("image"),
        "table": gettext("table"),
        "sequence": gettext("sequence"),
        "tokens": gettext("tokens"),
        "array": gettext("array"),
        "classes": gettext("classes"),
        "binary": gettext("binary"),
        "values": gettext("values"),
        "embedding": gettext("embedding"),
    }
    return words.get(kind, kind)


def parity_text(parity: Mapping[str, float], digits: int) -> str:
    """Return the differences from torch, such as "absolute 1e-06, relative 2e-07".

    Args:
        parity: The differences by name, as the card records them.
        digits: Significant digits of each.
    """
    words = {"absolute": gettext("absolute"), "relative": gettext("relative")}
    shown = (f"{words.get(name, name)} {value:.{digits}g}" for name, value in parity.items())
    return gettext(", ").join(shown)


def figures_text(figures: Mapping[str, float]) -> str:
    """Return the figures of a measure: "accuracy 0.9712, agreement 1"."""
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def samples_text(spec: QuantizationSpec) -> str:
    """Return what a file in smaller numbers was measured on: "60 held-out samples"."""
    is_made_up = spec.settings.get("inputs") == "made up"
    return made_up_text(spec.samples) if is_made_up else held_out_text(spec.samples)


def unknown_text(spec: UnknownSpec) -> str:
    """Return how a model detects unknown inputs: "500 reference vectors, threshold 0.412 from ..."."""
    references = sum(spec.counts)
    vectors = ngettext("{count} reference vector", "{count} reference vectors", references)
    if spec.held_out:
        return gettext(
            "{references}, threshold {threshold:.3f} from {samples}",
            references=vectors,
            threshold=spec.threshold,
            samples=held_out_text(spec.held_out),
        )
    return gettext(
        "{references}, threshold {threshold:.3f} from those, each left out once",
        references=vectors,
        threshold=spec.threshold,
    )


def described_unknown(spec: UnknownSpec) -> dict[str, object]:
    """Return how a model detects unknown inputs, without its vectors, as JSON has it."""
    return {
        "k": spec.k,
        "threshold": spec.threshold,
        "accepted": spec.accepted,
        "held_out": spec.held_out,
        "references": sum(spec.counts),
    }


def held_out_text(count: int) -> str:
    """Return "60 held-out samples"."""
    return ngettext("{count} held-out sample", "{count} held-out samples", count)


def made_up_text(count: int) -> str:
    """Return "8 made-up inputs"."""
    return ngettext("{count} made-up input", "{count} made-up inputs", count)
