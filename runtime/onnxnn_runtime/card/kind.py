"""What a model file does. `ModelKind` is the one place that asks; whoever treats kinds otherwise asks it.

The runtime's counterpart of `onnxnn.kinds`, where a network is still layers: here a model is what its card
and its graph say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Mapping, Tuple

from .card import ModelCard
from .tokens import token_count

if TYPE_CHECKING:
    from .diffusion import DiffusionSpec

Values = Mapping[str, Tuple[str, Tuple[Any, ...]]]
"""The type and shape of each input or output of a graph, e.g. {"output": ("float32", ("batch", 3))}."""

CALLS = {
    "classify": "predict",
    "regress": "predict",
    "embed": "embed",
    "generate": "generate",
    "translate": "generate",
    "sample": "sample",
    "infer": "infer",
}
"""What a model does -> the method of `Model` for it."""

_BY_OUTPUT = {"classes": "classify", "binary": "classify", "values": "regress", "embedding": "embed"}

_VECTOR = "embedding"
"""The graph output that is a feature vector beside the output proper."""


@dataclass(frozen=True)
class ModelKind:
    """What a model does, and what follows from it for whoever runs, checks or shows it.

        kind = onnxnn_runtime.load("pets.onnx").kind
        kind.does, kind.call        # ("classify", "predict")

    Args:
        card: What the file says about itself; None for a file without a card.
        inputs: The inputs of its graph, in order, states included; {} for a checkpoint, which has no graph:
            sequence to sequence then counts as "generate".
        outputs: The outputs of its graph; {} for a checkpoint.
    """

    card: ModelCard | None
    inputs: Values = field(default_factory=dict)
    outputs: Values = field(default_factory=dict)

    @property
    def does(self) -> str:
        """What the model does, one of `CALLS`.

        "classify" (a score for each class), "regress" (values), "embed" (feature vectors), "generate"
        (continues a text), "translate" (writes the target of a source, from sequence to sequence), "sample"
        (draws images from noise), or "infer": arrays in, arrays out, as any graph without a card.
        """
        if self.card is None:
            return "infer"
        if self.sampling is not None:
            return "sample"
        if self.card.output.kind == "tokens":
            if self.takes_target:
                return "translate"
            return "generate" if self.card.input.kind == "tokens" else "infer"
        return _BY_OUTPUT.get(self.card.output.kind, "infer")

    @property
    def call(self) -> str:
        """The method of `Model` for that: "predict", "embed", "generate", "sample" or "infer".

        All but "infer" are commands, too: `onnxnn predict`.
        """
        return CALLS[self.does]

    @property
    def sampling(self) -> DiffusionSpec | None:
        """The schedule and the images of a diffusion model; None of a model that samples no images."""
        return None if self.card is None else self.card.diffusion

    @property
    def class_counts(self) -> tuple[int, ...]:
        """How often each class that images are conditioned on occurred in training; () where unknown."""
        return () if self.sampling is None else self.sampling.class_counts

    @property
    def vector(self) -> str | None:
        """The graph output that is the feature vector, which `embed` returns; None where there is none."""
        if _VECTOR in self.outputs:
            return _VECTOR
        return next(iter(self.outputs), None) if self.does == "embed" else None

    @property
    def takes_target(self) -> bool:
        """Whether the graph takes a source and what is known of its target, from sequence to sequence."""
        if self.card is None:
            return False
        states = {state.name for state in self.card.input.states}
        return [name for name in self.inputs if name not in states] == ["input", "target"]

    @property
    def num_integers(self) -> dict[str, int]:
        """How many different integers, from 0, each graph input takes; absent where that is not known.

        Those are the ids of tokens; of a diffusion model the timesteps, and the labels with the empty one.
        """
        if self.card is None:
            return {}
        if self.sampling is not None:
            return {"t": self.sampling.schedule.timesteps, "label": len(self.sampling.classes) + 1}
        tokens = token_count(self.card.input) or 2
        known = dict.fromkeys(self.inputs, tokens)
        if self.takes_target:
            last = next(iter(self.outputs.values()), ("", ()))[1][-1:]
            known["target"] = last[0] if last and isinstance(last[0], int) else tokens
        return known
