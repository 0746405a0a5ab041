"""From the modules that BaseNN's `add` builds to our layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from onnxnn_runtime.errors import CheckpointError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

Tree = Mapping[str, Any]
"""A module: its "class", its plain "options", the names of its own "parameters", its "children"."""

Call = tuple[str, dict[str, Any]]
"""The arguments of an `add`: a layer's name and its options."""

FLATTEN: Call = ("flatten", {})
"""What stands for BaseNN's `Reshape`; where nothing is to flatten, or a `linear` flattens, it is left out."""


def layer_calls(tree: Tree) -> list[Call]:
    """Return the layers of a network in order.

    Args:
        tree: The network as the child process describes it.

    Raises:
        CheckpointError: A module is none that BaseNN's `add` builds by a layer's name.
    """
    if tree["class"] != "Sequential":
        return _translate(gettext("the network"), tree)
    calls: list[Call] = []
    for name, child in tree["children"]:
        if child["class"] == "dim2" and calls and calls[-1][0] == "lstm":
            calls[-1][1]["return_sequences"] = False
        else:
            calls += _translate(name, child)
    return calls


def _translate(name: str, tree: Tree) -> list[Call]:
    translate = _MODULES.get(tree["class"])
    if translate is None:
        raise CheckpointError.coded(
            "E-CKPT-05",
            "the layer {name}: expected a module that BaseNN's add() builds by a layer's name, got "
            "{kind}. A custom module's code is in no file: add the module with onnxnn and train again. "
            "Known: {known}.",
            name=shortened(name),
            kind=tree["class"],
            known=", ".join(sorted(_MODULES)),
        )
    return translate(tree)


def _linear(tree: Tree) -> list[Call]:
    size = (tree["options"]["in_features"], tree["options"]["out_features"])
    return [("linear", _without_default({"size": size, "bias": "bias" in tree["parameters"]}, bias=True))]


def _convolution(kind: str) -> Callable[[Tree], list[Call]]:
    def translate(tree: Tree) -> list[Call]:
        given = tree["options"]
        _zero_padding(tree)
        options = {name: _axes(given[name]) for name in ("kernel_size", "stride", "padding", "dilation")}
        options |= {
            "size": (given["in_channels"], given["out_channels"]),
            "groups": given["groups"],
            "bias": "bias" in tree["parameters"],
        }
        plain = {"stride": 1, "padding": 0, "dilation": 1}
        axes = len(given["kernel_size"])
        defaults = {name: value if axes == 1 else (value,) * axes for name, value in plain.items()}
        return [(kind, _without_default(options, groups=1, bias=True, **defaults))]

    return translate


def _zero_padding(tree: Tree) -> None:
    if tree["options"].get("padding_mode", "zeros") != "zeros":
        raise CheckpointError.coded(
            "E-CKPT-05",
            "{kind}: expected padding with zeros, got {mode}, which onnxnn does not have."
            " Train the network again with padding_mode='zeros'.",
            kind=tree["class"],
            mode=shortened(tree["options"]["padding_mode"]),
        )


def _pool(kind: str) -> Callable[[Tree], list[Call]]:
    def translate(tree: Tree) -> list[Call]:
        given = tree["options"]
        if given.get("ceil_mode") or given.get("dilation", 1) not in (1, [1, 1]):
            raise CheckpointError.coded(
                "E-CKPT-05",
                "{kind}: expected a pool without ceil_mode and dilation, which onnxnn does not have."
                " Train the network again without them.",
                kind=tree["class"],
            )
        options = {name: _axes(given[name]) for name in ("kernel_size", "stride", "padding")}
        defaults = {"padding": 0, "stride": options["kernel_size"]}
        return [(kind, _without_default(options, **defaults))]

    return translate


def _norm(kind: str) -> Callable[[Tree], list[Call]]:
    def translate(tree: Tree) -> list[Call]:
        return [(kind, {"size": tree["options"]["num_features"]})]

    return translate


def _lstm(tree: Tree) -> list[Call]:
    given = tree["options"]
    options = {
        "size": (given["input_size"], given["hidden_size"]),
        "num_layers": given["num_layers"],
        "bidirectional": given["bidirectional"],
        "dropout": given["dropout"],
    }
    return [("lstm", _without_default(options, num_layers=1, bidirectional=False, dropout=0.0))]


def _embedding_lstm(tree: Tree) -> list[Call]:
    children = dict(tree["children"])
    words, lstm = children["embedding"]["options"], children["lstm"]["options"]
    size = (words["embedding_dim"], lstm["hidden_size"])
    options = {"size": size, "num_layers": lstm["num_layers"], "vocab_size": words["num_embeddings"]}
    return [("em_lstm", options)]


def _residual(tree: Tree) -> list[Call]:
    (_, stage), *_ = tree["children"]
    (_, block), *_ = stage["children"]
    conv1 = dict(block["children"])["conv1"]["options"]
    kind = {"BasicBlock": "res_block", "Bottleneck": "res_bottleneck"}[block["class"]]
    options = {
        "size": (conv1["in_channels"], conv1["out_channels"]),
        "num_blocks": len(stage["children"]),
        "stride": block["options"].get("stride", 1),
    }
    return [(kind, _without_default(options, num_blocks=1, stride=1))]


def _mobilenet(tree: Tree) -> list[Call]:
    classifier = dict(dict(tree["children"])["classifier"]["children"])
    return [("mobilenet", {"num_classes": classifier["1"]["options"]["out_features"]})]


def _leaky(tree: Tree) -> list[Call]:
    return [("leakyrelu", _without_default({"slope": tree["options"]["negative_slope"]}, slope=0.2))]


def _plain(*calls: Call) -> Callable[[Tree], list[Call]]:
    return lambda tree: [(name, dict(options)) for name, options in calls]


_MODULES: dict[str, Callable[[Tree], list[Call]]] = {
    "Reshape": _plain(FLATTEN),
    "Linear": _linear,
    "Conv1d": _convolution("conv1d"),
    "Conv2d": _convolution("conv2d"),
    "MaxPool2d": _pool("maxpool"),
    "AvgPool2d": _pool("avgpool"),
    "BatchNorm1d": _norm("batchnorm1d"),
    "BatchNorm2d": _norm("batchnorm2d"),
    "Dropout": lambda tree: [("dropout", {"p": tree["options"]["p"]})],
    "LSTM": _lstm,
    "lstm": _embedding_lstm,
    "Part0": _plain(),
    "dim2": _plain(("unsqueeze", {}), ("squeeze", {})),
    "Unsqueeze": _plain(("unsqueeze", {})),
    "Squeeze": _plain(("squeeze", {})),
    "ResNet": _residual,
    "MobileNetV2": _mobilenet,
    "MobileNetV2_backbone": _plain(("mobilenet_backbone", {})),
    "ReLU": _plain(("relu", {})),
    "Tanh": _plain(("tanh", {})),
    "Sigmoid": _plain(("sigmoid", {})),
    "Softmax": _plain(("softmax", {})),
    "LeakyReLU": _leaky,
}


def _axes(value: object) -> Any:
    """Return sizes as an `add` takes them: one number, or a tuple."""
    if not isinstance(value, list):
        return value
    return value[0] if len(value) == 1 else tuple(value)


def _without_default(options: dict[str, object], **defaults: object) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in defaults or value != defaults[name]}
