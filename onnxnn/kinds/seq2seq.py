"""A network from sequence to sequence, which learns from pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from onnxnn_runtime.card.card import InputSpec, ModelCard
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.generation.options import Generated, GenerationOptions

from onnxnn.data import Data
from onnxnn.definition.definition import Definition, Net
from onnxnn.export.example_script import ScriptBody, input_body, target_body
from onnxnn.export.fixed_shapes import no_fixed_shapes
from onnxnn.export.verification import Parity, Trial, random_samples
from onnxnn.graph.shape import Shape
from onnxnn.inference import seq2seq as pairs
from onnxnn.inference.predict import Reader
from onnxnn.layers.transformer import Transformer
from onnxnn.training import seq2seq
from onnxnn.training.learner import LossModule
from onnxnn.training.losses import Loss
from onnxnn.training.metrics import Metric

from .kind import Array, Batch, NetworkKind, in_mode_of, register


@register
class SequenceToSequence(NetworkKind):
    """A transformer of encoder and decoder: (source, what of the target is known) -> the next tokens."""

    takes_ending = False
    learns_each_step = True
    writes_tokens = True

    @classmethod
    def matches(cls, task: str, definition: Definition) -> bool:
        """Return whether the network learns by teacher forcing."""
        return any(entry.layer.teacher_forcing for entry in definition.entries)

    @property
    def _layer(self) -> Transformer:
        return seq2seq.options_of(self.definition.placed()[0].layer)

    @property
    def default_metrics(self) -> str | Sequence[str]:
        """The share of right tokens, and of sequences that are right as a whole."""
        return seq2seq.METRICS

    def check_data(self, data: Data) -> None:
        """Refuse data that is no pairs of token sequences; see `onnxnn.training.seq2seq.check_data`."""
        seq2seq.check_data(data, self.definition.entries[0].layer, self.task)

    def checked(self, batches: Iterable[Batch]) -> Iterable[Batch]:
        """Return batches of pairs, each checked when it comes."""
        return seq2seq.checked(batches, self._layer)

    def loss_and_metrics(
        self, net: Net, num_classes: int, loss: str | None, names: Sequence[str]
    ) -> tuple[Loss, list[Metric]]:
        """Return the cross entropy of the next token, and metrics over tokens and sequences."""
        return seq2seq.make_loss(loss, net, self.task), seq2seq.make_metrics(names)

    def learner(self, net: Net, loss: Loss) -> LossModule:
        """Return a module that learns every next token at once."""
        return in_mode_of(net, seq2seq.PairLearner(net, loss))

    def check_one_input(self, call: str) -> None:
        """Refuse a call with one input."""
        raise InputError.coded(
            "E-INPUT-05",
            "{call}: expected two inputs for this network from sequence to sequence, got one. Use "
            "generate(source), or inference((source, target)).",
            call=call,
        )

    def infer(
        self,
        net: Net,
        data: object,
        spec: InputSpec,
        batch_size: int | None,
        read: Reader | None,
        names: list[str],
        labels: list[Array],
    ) -> Array:
        """Return how likely each token comes next after every step of the targets."""
        return pairs.infer(net, data)

    def generate(self, net: Net, card: ModelCard, options: GenerationOptions) -> Generated:
        """Return the target of each source."""
        options.check_for(translates=True)
        return pairs.write(net, card.input, options)

    def fixed_shape(self, free: Shape) -> Shape:
        """Refuse: the target grows with every token."""
        raise no_fixed_shapes()

    def output_axis(self, axis: str) -> str:
        """Return the name of the target's axis, whose size is not the source's."""
        return f"target_{axis}"

    def script_body(self, model: Path, card: ModelCard, example: Array | None) -> ScriptBody:
        """Return what writes the target of a source, where the network writes tokens."""
        body = target_body if card.output.kind == "tokens" else input_body
        return body(model, card, example)

    def compared(self, parity: Parity, trial: Trial) -> Parity:
        """Join the differences in what comes next, all at once and token by token.

        The target has another length than the source. Token by token its rows are exchanged once, as beams
        exchange theirs.
        """
        source, _ = random_samples(self.definition, trial)
        layer, device = self._layer, trial.net.device
        steps = max(1, min(layer.max_length, source.shape[1] - 2 * len(source)))
        target = np.random.default_rng(steps).integers(0, layer.target_vocab, (len(source), steps))

        def expected(*pair: Array) -> Array:
            given = tuple(torch.from_numpy(array).to(device) for array in pair)
            with torch.inference_mode():
                found: Array = trial.net(given).cpu().numpy()
            return found

        found = trial.model.infer({"input": source, "target": target})["output"]
        parity = parity.joined(found, expected(source, target), source.shape)
        follow, rows = trial.model.decoder(source), np.arange(len(source))[::-1]
        found = np.stack(
            [follow(target[:, :1], None)]
            + [follow(target[rows, : step + 1], rows if step == 1 else None) for step in range(1, steps)],
            axis=1,
        )
        if steps > 1:
            found[:, 0] = found[rows, 0]
            source, target = source[rows], target[rows]
        return parity.joined(found, expected(source, target), source.shape)
