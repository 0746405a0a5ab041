"""Every layer, one family per file; importing this package fills the registry."""

from . import (  # noqa: F401  # each registers its layers
    activation,
    branches,
    conv,
    custom,
    denormalize,
    diffusion,
    efficientnet,
    embedding,
    global_pool,
    impute,
    inception,
    layernorm,
    linear,
    lrn,
    mobilenet,
    norm,
    permute,
    pool,
    positional,
    recurrent,
    regularise,
    residual,
    separable,
    sequence,
    shape,
    transformer,
    volume,
)
from .registry import Layer, find, layer, make, option_names, read_signals, registry, unused_name

__all__ = ["Layer", "find", "layer", "make", "option_names", "read_signals", "registry", "unused_name"]
