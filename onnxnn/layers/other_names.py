"""What Keras and torch call layers and their options, and what to write here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from onnxnn_runtime.errors import did_you_mean
from onnxnn_runtime.messages.shorten import shortened

__all__ = ["OF_ADD", "instead_of_layer", "instead_of_options"]

_BATCHNORM = "'batchnorm1d', 'batchnorm2d' or 'batchnorm3d'"
_LAYERS: Mapping[str, str] = {
    "activation": "add(activation='relu')",
    "adaptiveavgpool2d": "'global_avgpool'",
    "adaptivemaxpool2d": "'global_maxpool'",
    "add": "'branches' with merge='add'",
    "attention": "'transformer_encoder'",
    "averagepooling1d": "'avgpool1d'",
    "averagepooling2d": "'avgpool'",
    "batchnorm": _BATCHNORM,
    "batchnormalization": _BATCHNORM,
    "bidirectional": "'lstm' with bidirectional=True",
    "concatenate": "'branches' with merge='concat'",
    "conv": "'conv2d'",
    "dense": "'linear'",
    "depthwiseconv2d": "'conv2d' with groups=, or 'separable_conv2d'",
    "fullyconnected": "'linear'",
    "globalaveragepooling1d": "'global_avgpool'",
    "globalaveragepooling2d": "'global_avgpool'",
    "globalmaxpooling1d": "'global_maxpool'",
    "globalmaxpooling2d": "'global_maxpool'",
    "layernormalization": "'layernorm'",
    "maxpooling1d": "'maxpool1d'",
    "maxpooling2d": "'maxpool'",
    "maxpooling3d": "'maxpool3d'",
    "multiheadattention": "'transformer_encoder'",
    "separableconv2d": "'separable_conv2d'",
    "simplernn": "'rnn'",
    "swish": "'silu'",
    "timedistributed": "'linear', which maps each step",
}
"""Names of layers whose nearest spelling here is another layer."""

_OWN_MODULE = "there is none here; add your own: add(torch.nn.{}(...))"
_NO_LAYERS: Mapping[str, str] = {
    "conv2dtranspose": _OWN_MODULE.format("ConvTranspose2d"),
    "convtranspose2d": _OWN_MODULE.format("ConvTranspose2d"),
    "groupnorm": _OWN_MODULE.format("GroupNorm"),
    "groupnormalization": _OWN_MODULE.format("GroupNorm"),
    "input": "none is needed: the data or the first layer's size says what the input is",
    "inputlayer": "none is needed: the data or the first layer's size says what the input is",
    "lambda": "there is none here; add your own torch.nn.Module",
    "normalization": "there is none here: load data with standardize=True or transform={'Normalize': ...}",
    "padding": "there is none here: convolutions and pooling layers take padding=",
    "rescaling": "none is needed: images come in as values in 0..1",
    "sequential": "none is needed: layers are in the order in which they are added",
    "upsample": _OWN_MODULE.format("Upsample"),
    "upsampling2d": _OWN_MODULE.format("Upsample"),
    "zeropadding2d": "there is none here: convolutions and pooling layers take padding=",
}
"""Layers that do not exist here, and what to do."""

_INPUT_SIZES = ("in_channels", "in_dim", "in_features", "input_dim", "input_size", "num_embeddings")
_OUTPUT_SIZES = (
    "embedding_dim", "filters", "hidden_dim", "hidden_size", "num_features", "out_channels", "out_dim",
    "out_features", "output_dim", "units",
)  # fmt: skip
_OPTIONS: Mapping[str, str] = {
    "axis": "leave it out",
    "batch_first": "leave it out: sequences are (batch, steps, features)",
    "batch_input_shape": "leave it out: the data or size= says it",
    "data_format": "leave it out: images are (channels, height, width)",
    "device": "choose it with train(device=...)",
    "dim": "leave it out",
    "dtype": "leave it out: networks are float32",
    "epochs": "it is an option of train()",
    "inplace": "leave it out",
    "input_shape": "leave it out: the data or size= says it",
    "kernel_initializer": "leave it out; weights begin as torch initialises them",
    "kernel_regularizer": "use add(optimizer='AdamW', weight_decay=0.01) for weight decay",
    "loss": "it is an option of train()",
    "lr": "it is an option of train()",
    "metrics": "it is an option of train()",
    "name": "leave it out: layers are named by their kind and place, such as linear1",
    "trainable": "leave it out; set requires_grad of the parameters of model.model",
}
_SAME: Mapping[str, str] = {
    "alpha": "slope",
    "concat_axis": "merge",
    "d_model": "size",
    "head": "num_heads",
    "heads": "num_heads",
    "negative_slope": "slope",
    "nhead": "num_heads",
    "normalized_shape": "size",
    "shape": "size",
    "target_shape": "size",
}
"""Options of layers that only layers have under another name."""


def instead_of_layer(name: str, known: Collection[str]) -> str:
    """Return what to write for a layer that does not exist, as the end of "unknown layer"."""
    key = name.lower().replace("_", "").strip()
    if key in _NO_LAYERS:
        return f": {_NO_LAYERS[key]}."
    return f", did you mean {_LAYERS[key]}?" if key in _LAYERS else did_you_mean(name, known) or "."


OF_ADD = ("layer", "activation", "optimizer")
"""What `add` takes beside the options of a layer."""


def instead_of_options(given: Mapping[str, Any], known: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return what to write for options that a layer does not have.

    Args:
        given: All options as a user gave them.
        known: The layer's options.

    Returns:
        Unknown option -> (the layer's option that it means or "", the end of "unknown option 'x'").
    """
    found = {}
    size = _size_of(given) if "size" in known and "size" not in given else ""
    for name in given:
        if name in known:
            continue
        same = _SAME.get(name.lower(), "")
        if size and name.lower() in (*_INPUT_SIZES, *_OUTPUT_SIZES):
            found[name] = "size", f", write {size}"
        elif same in known:
            found[name] = same, f", did you mean {shortened(same)}?"
        elif name.lower() in _OPTIONS:
            found[name] = "", f": {_OPTIONS[name.lower()]}"
        else:
            hint = did_you_mean(name, known) or did_you_mean(name, OF_ADD)
            found[name] = hint[len(", did you mean '") : -len("'?")], hint
    return found


def _size_of(given: Mapping[str, Any]) -> str:
    """Return "size=(4, 3)" for options such as in_features=4, out_features=3; "" where there is no output."""
    inputs = [value for name, value in given.items() if name.lower() in _INPUT_SIZES]
    outputs = [value for name, value in given.items() if name.lower() in _OUTPUT_SIZES]
    if not outputs:
        return ""
    output = shortened(outputs[0])
    return f"size=({shortened(inputs[0])}, {output})" if inputs else f"size={output}"
