"""What Keras and torch call layers and their options, and what to write here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from onnxnn_runtime.messages.catalogue import following, gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import nearest

_LAYERS: Mapping[str, str] = {
    "activation": "add(activation='relu')",
    "adaptiveavgpool2d": "'global_avgpool'",
    "adaptivemaxpool2d": "'global_maxpool'",
    "attention": "'transformer_encoder'",
    "averagepooling1d": "'avgpool1d'",
    "averagepooling2d": "'avgpool'",
    "conv": "'conv2d'",
    "dense": "'linear'",
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
}
"""Names of layers whose nearest spelling here is another layer, and that layer's."""

_OWN_MODULES: Mapping[str, str] = {
    "conv2dtranspose": "ConvTranspose2d",
    "convtranspose2d": "ConvTranspose2d",
    "groupnorm": "GroupNorm",
    "groupnormalization": "GroupNorm",
    "upsample": "Upsample",
    "upsampling2d": "Upsample",
}
"""Layers that do not exist here, and torch's modules of that kind."""


_ADVICE: Mapping[str, Callable[[], str]] = {
    "add": lambda: gettext("Did you mean {name} with {option}?", name="'branches'", option="merge='add'"),
    "batchnorm": lambda: gettext("Did you mean 'batchnorm1d', 'batchnorm2d' or 'batchnorm3d'?"),
    "batchnormalization": lambda: gettext("Did you mean 'batchnorm1d', 'batchnorm2d' or 'batchnorm3d'?"),
    "bidirectional": lambda: gettext(
        "Did you mean {name} with {option}?", name="'lstm'", option="bidirectional=True"
    ),
    "concatenate": lambda: gettext(
        "Did you mean {name} with {option}?", name="'branches'", option="merge='concat'"
    ),
    "depthwiseconv2d": lambda: gettext("Did you mean 'conv2d' with groups=, or 'separable_conv2d'?"),
    "input": lambda: gettext("None is needed: the data or the first layer's size says what the input is."),
    "inputlayer": lambda: gettext(
        "None is needed: the data or the first layer's size says what the input is."
    ),
    "lambda": lambda: gettext("There is none here. Add a torch.nn.Module of your own."),
    "normalization": lambda: gettext(
        "There is none here. Load data with standardize=True or transform={{'Normalize': ...}}."
    ),
    "padding": lambda: gettext("There is none here. Convolutions and pooling layers take padding=."),
    "rescaling": lambda: gettext("None is needed: images are loaded as values in 0..1."),
    "sequential": lambda: gettext("None is needed: layers are in the order in which they are added."),
    "timedistributed": lambda: gettext("Did you mean 'linear', which maps each step?"),
    "zeropadding2d": lambda: gettext("There is none here. Convolutions and pooling layers take padding=."),
}
"""Names of layers in other libraries, and what to write here, as a sentence."""

_INPUT_SIZES = ("in_channels", "in_dim", "in_features", "input_dim", "input_size", "num_embeddings")
_OUTPUT_SIZES = (
    "embedding_dim", "filters", "hidden_dim", "hidden_size", "num_features", "out_channels", "out_dim",
    "out_features", "output_dim", "units",
)  # fmt: skip
_OPTIONS: Mapping[str, Callable[[], str]] = {
    "axis": lambda: gettext("Leave it out."),
    "batch_first": lambda: gettext("Leave it out: sequences are (batch, steps, features)."),
    "batch_input_shape": lambda: gettext("Leave it out: the data or size= says it."),
    "data_format": lambda: gettext("Leave it out: images are (channels, height, width)."),
    "device": lambda: gettext("Choose it with train(device=...)."),
    "dim": lambda: gettext("Leave it out."),
    "dtype": lambda: gettext("Leave it out: networks are float32."),
    "epochs": lambda: gettext("It is an option of train()."),
    "inplace": lambda: gettext("Leave it out."),
    "input_shape": lambda: gettext("Leave it out: the data or size= says it."),
    "kernel_initializer": lambda: gettext("Leave it out; weights begin as torch initialises them."),
    "kernel_regularizer": lambda: gettext("Use add(optimizer='AdamW', weight_decay=0.01) for weight decay."),
    "loss": lambda: gettext("It is an option of train()."),
    "lr": lambda: gettext("It is an option of train()."),
    "metrics": lambda: gettext("It is an option of train()."),
    "name": lambda: gettext("Leave it out: layers are named by their kind and place, such as linear1."),
    "trainable": lambda: gettext("Leave it out; set requires_grad of the parameters of model.model."),
}
"""Options of layers in other libraries, and what to do here, as a sentence."""

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


def sentences(texts: Sequence[str]) -> str:
    """Return sentences as one text; the first continues a line, the others begin with a capital."""
    first, *others = texts
    return first + "".join(following(each[0].upper() + each[1:]) for each in others)


def suggestion(word: object, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the known name that a word means, or "" when none is near."""
    name = nearest(word, known)
    return following(gettext("Did you mean {name}?", name=shortened(name))) if name else ""


def with_meant(option: object, known: Iterable[str]) -> str:
    """Return an unknown option with the known one that it means."""
    meant = nearest(option, known)
    if not meant:
        return shortened(option)
    return gettext("{option} (did you mean {meant}?)", option=shortened(option), meant=shortened(meant))


def instead_of_layer(name: str, known: Collection[str]) -> str:
    """Return what to write for a layer that does not exist: " Did you mean 'x'?", or ""."""
    key = name.lower().replace("_", "").strip()
    if key in _OWN_MODULES:
        module = _OWN_MODULES[key]
        return following(
            gettext("There is none here. Add a custom module: add(torch.nn.{name}(...)).", name=module)
        )
    if key in _LAYERS:
        return following(gettext("Did you mean {name}?", name=_LAYERS[key]))
    return following(_ADVICE[key]()) if key in _ADVICE else suggestion(name, known)


_MOST_NAMED = 5
"""How many unknown options a message names."""

OF_ADD = ("layer", "activation", "optimizer", "fallback")
"""What `add` takes beside the options of a layer."""


def instead_of_options(given: Mapping[str, object], known: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return what to write for options that a layer does not have.

    Args:
        given: All options as a user gave them.
        known: The layer's options.

    Returns:
        Unknown option -> (the layer's option that it means or "", the advice after "unknown option 'x'."),
        of the first five.
    """
    found: dict[str, tuple[str, str]] = {}
    size = _size_of(given) if "size" in known and "size" not in given else ""
    for name in [name for name in given if name not in known][:_MOST_NAMED]:
        same = _SAME.get(name.lower(), "")
        if size and name.lower() in (*_INPUT_SIZES, *_OUTPUT_SIZES):
            found[name] = "size", following(gettext("Write {size}.", size=size))
        elif same in known:
            found[name] = same, following(gettext("Did you mean {name}?", name=shortened(same)))
        elif name.lower() in _OPTIONS:
            found[name] = "", following(_OPTIONS[name.lower()]())
        else:
            near = nearest(name, known) or nearest(name, OF_ADD)
            found[name] = (
                near,
                following(gettext("Did you mean {name}?", name=shortened(near))) if near else "",
            )
    return found


def _size_of(given: Mapping[str, object]) -> str:
    """Return "size=(4, 3)" for options such as in_features=4, out_features=3; "" where there is no output."""
    inputs = [value for name, value in given.items() if name.lower() in _INPUT_SIZES]
    outputs = [value for name, value in given.items() if name.lower() in _OUTPUT_SIZES]
    if not outputs:
        return ""
    output = shortened(outputs[0])
    return f"size=({shortened(inputs[0])}, {output})" if inputs else f"size={output}"
