"""The state of every random generator that training draws from."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from .state import RandomState


def random_state() -> RandomState:
    """Return the state of every random generator that training draws from, as tensors."""
    version, numbers, gauss = random.getstate()
    of_numpy: Any = np.random.get_state()
    _, keys, position, has_gauss, cached = of_numpy
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": (version, torch.tensor(numbers, dtype=torch.int64), gauss),
        "numpy": (torch.from_numpy(np.asarray(keys, np.int64)), position, has_gauss, float(cached)),
    }


def seed_all(seed: int) -> None:
    """Begin every random generator that training draws from with a seed from 0 to 2³² - 1."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def set_random_state(state: RandomState) -> None:
    """Put every random generator back to where `random_state` found it."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all(state["cuda"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers.tolist()), gauss))
    keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, cached))
