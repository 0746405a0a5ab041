"""A language model: at each step, how likely each token comes next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from onnxnn_runtime.card.card import InputSpec, ModelCard, StateSpec

from onnxnn.data import Preparation
from onnxnn.definition.definition import Definition
from onnxnn.export.example_script import ScriptBody, prompt_body
from onnxnn.export.fixed_shapes import no_fixed_shapes
from onnxnn.export.verification import Parity, Trial, random_samples
from onnxnn.graph.shape import Shape

from .kind import Array, NetworkKind, register

_TOKENS = 4
"""How many tokens are tried, where a file takes one at a time."""


@register
class LanguageModel(NetworkKind):
    """A network that reads tokens and writes text, with states that its file hands on from call to call."""

    writes_tokens = True

    @classmethod
    def matches(cls, task: str, definition: Definition) -> bool:
        """Return whether each output is a distribution of the next token."""
        return definition.generates()

    def input_spec(self, known: Preparation | None) -> InputSpec:
        """Return what goes in, with the recurrent states."""
        shapes = self.definition.build().state_shapes()
        states = tuple(StateSpec(f"state{i}", f"next_state{i}", shape) for i, shape in enumerate(shapes))
        return replace(super().input_spec(known), states=states)

    def fixed_shape(self, free: Shape) -> Shape:
        """Return one token: the states carry what came before."""
        if not self.definition.build().state_shapes():
            raise no_fixed_shapes()
        return free.with_sizes(token=1)

    def script_body(self, model: Path, card: ModelCard, example: Array | None) -> ScriptBody:
        """Return what continues a text; what runs the model on an input where it writes none."""
        if card.output.kind == "tokens" and card.input.vocabulary:
            return prompt_body(card, card.input.vocabulary, example)
        return super().script_body(model, card, example)

    def compared(self, parity: Parity, trial: Trial) -> Parity:
        """Join the difference between one call of torch and two of the file, which hands its states on."""
        states = trial.card.input.states
        if not states:
            return super().compared(parity, trial)
        if trial.card.input.shape[1] == 1:  # a file of fixed shapes takes them one by one
            trial = replace(trial, shape=trial.shape.with_sizes(token=_TOKENS))
        tokens, x = random_samples(self.definition, trial)
        with torch.inference_mode():
            y, after = trial.net.step(x.to(trial.net.device))
        one = trial.card.input.shape[1] == 1
        given = np.split(tokens, _TOKENS, axis=1) if one else np.array_split(tokens, 2, axis=1)
        parts: list[dict[str, Array]] = []
        for part in given:
            if part.size:
                handed_on = {state.name: parts[-1][state.next] for state in states} if parts else {}
                parts.append(trial.model.infer({"input": part, **handed_on}))
        output = np.concatenate([part["output"] for part in parts], axis=1)
        parity = parity.joined(output, y.cpu().numpy(), tokens.shape)
        for state, wanted in zip(states, after, strict=True):
            parity = parity.joined(parts[-1][state.next], wanted.cpu().numpy(), tokens.shape)
        return parity
