"""A poem, its tokens, and a network that continues it."""

from __future__ import annotations

import numpy as np
import torch
from onnxnn import nn

POEM = "春江潮水连海平，海上明月共潮生。滟滟随波千万里，何处春江无月明。"
WORDS = {word: number for number, word in enumerate(sorted(set(POEM)))}
ROWS = np.array([[WORDS[word] for word in POEM[i : i + 9]] for i in range(len(POEM) - 8)])


def poet(seed=0, **options):
    """Return an em_lstm with the lines of the poem, which is not trained yet."""
    torch.manual_seed(seed)
    model = nn(verbose=0)
    model.load_dataset(ROWS, word2idx=WORDS, batch_size=8)
    model.add("em_lstm", **{"size": (12, 24), "num_layers": 2, **options})
    return model
