"""Using a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnxnn_runtime.errors import (
    DataError,
)
from onnxnn_runtime.text import Text
from onnxnn_runtime.translate import check_options

from onnxnn import inference as running
from onnxnn import pairs, text
from onnxnn.summary import table

from .files import Files

Array = np.ndarray[Any, Any]


class Using(Files):
    """Asking the network."""

    def inference(
        self,
        data: Any = None,
        show: bool = False,
        checkpoint: str | Path | None = None,
        hidden: Any = None,
        label: bool = False,
        batch_size: int = 32,
    ) -> Any:
        """Return the network's output for a file, a folder, a CSV file, an array, or a list of those.

        Given text, a network that generates tells what comes next and what it remembers:

            probabilities, hidden = model.inference("长")
            probabilities, hidden = model.inference("江", hidden=hidden)

        Args:
            data: What to look at. A CSV file may have the label column or not.
            show: Whether to print the result.
            checkpoint: A checkpoint to load first; it brings network, weights and preprocessing.
            hidden: What the call before returned, to go on from there.
            label: Accepted as BaseNN has it: a label column is recognised by the number of columns.
            batch_size: How many samples to run at once.

        Returns:
            float32 (N, classes), probabilities where the network ends in softmax or sigmoid; for text
            (how likely each token comes next (vocabulary,), hidden state).

        Raises:
            InputError: Something of it does not fit; the message names it.
            CheckpointError: The checkpoint cannot be used.
        """
        if checkpoint is not None:
            self.load(checkpoint)
        if hidden is not None or text.is_text(data, self.card()):
            self.result, hidden = text.follow(self.model, self.card(), data, hidden)
            if show:
                print(self.result)
            return self.result, hidden
        labels: list[Array] = []
        source = running.unlabelled(data, labels)
        self.result = running.infer(self.model, source, self.card().input, batch_size, self._reader())
        self.val_label = np.concatenate(labels) if labels else None
        if show:
            print(self.result)
        return self.result

    def generate(
        self,
        prompt: Any,
        length: int = 24,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int | None = None,
        stop: Text | None = None,
        max_length: int | None = None,
        beams: int = 1,
    ) -> Any:
        """Go on with a text, character by character; or write the target of a source.

            model.generate("长", length=24, temperature=0.8, top_k=20, seed=0)
            model.generate([[5, 7, 3], [8, 4]], max_length=10, beams=4)

        Args:
            prompt: How the text begins; for a transformer the tokens of one source, or of several.
            length, temperature, top_k, seed, stop: See `onnxnn_runtime.generate.generate`.
            max_length, beams: For a transformer; see `onnxnn_runtime.translate.translate`.

        Returns:
            The whole text, prompt included; a list of words where the prompt was one. For a transformer a
            list of tokens for each source, without start and end.

        Raises:
            CardError: The network does not generate.
            InputError: An option is out of range or of the other kind of network, or the vocabulary lacks a
                token of the prompt.
        """
        check_options(
            self._definition.teacher_forcing, length, temperature, top_k, seed, stop, max_length, beams
        )
        if self._definition.teacher_forcing:
            return pairs.write(self.model, self.card().input, prompt, max_length, beams)
        return text.write(self.model, self.card(), prompt, length, temperature, top_k, seed, stop)

    def print_result(self, result: Array | None = None) -> dict[int, dict[str, Any]]:
        """Print and return results as {i: {"预测值": label, "置信度": score}}.

        Args:
            result: What `inference` returned; None takes the last one.
        """
        found = self.result if result is None else np.asarray(result)
        if found is None:
            raise DataError("there is no result yet: call inference first.")
        named = running.readable(found, self.card().output)
        print(named)
        return named

    def print_model(self) -> None:
        """Print the torch module."""
        print(self.model)

    def summary(self) -> str:
        """Print and return the table of layers, output shapes, parameters and multiply-adds."""
        shown = table(self._definition, self._data.train.batch_size if self._data else None)
        print(shown)
        return shown
