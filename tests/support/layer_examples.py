"""Options and input shapes with which every registered layer is tried."""

from __future__ import annotations

from onnxnn.graph.shape import Shape

IMAGE, SIGNAL, VECTOR, SEQUENCE = (
    Shape.image(6, 13, 11),
    Shape.signal(6, 12),
    Shape.vector(6),
    Shape.sequence(5, 6),
)
TOKENS = Shape.tokens(5, vocabulary=9)
VOLUME = Shape((6, 5, 4, 7), ("channel", "depth", "height", "width"))

EVERY_SHAPE = [({}, IMAGE), ({}, SIGNAL), ({}, VECTOR), ({}, SEQUENCE)]

RECURRENT = [
    ({"size": (6, 4)}, SEQUENCE),
    ({"size": 3, "num_layers": 3, "return_sequences": False}, SEQUENCE),
    ({"size": (6, 4), "num_layers": 2, "bidirectional": True, "dropout": 0.3}, SEQUENCE),
    ({"size": (6, 4), "bidirectional": True, "return_sequences": False}, SEQUENCE),
]

EXAMPLES = {
    "action_model": [({"size": (6, 4)}, SEQUENCE), ({"size": 3}, SEQUENCE)],
    "auxiliary_head": [({"size": (6, 3), "weight": 0.5}, IMAGE), ({"size": 3}, IMAGE)],
    "avgpool": [
        ({"kernel_size": 2}, IMAGE),
        ({"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}, IMAGE),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, SIGNAL),
    ],
    "avgpool1d": [({"kernel_size": 3, "stride": 2, "padding": 1}, SIGNAL), ({"kernel_size": (2,)}, SIGNAL)],
    "batchnorm1d": [({"size": 6}, VECTOR), ({}, SIGNAL), ({"size": 6}, SEQUENCE)],
    "batchnorm2d": [({"size": 6}, IMAGE), ({}, IMAGE)],
    "batchnorm3d": [({"size": 6}, VOLUME)],
    "branches": [
        (
            {"paths": [[["batchnorm2d", {}], ["conv2d", {"size": 6, "kernel_size": 1}]], []], "merge": "add"},
            IMAGE,
        ),
        (
            {
                "paths": [
                    [["conv2d", {"size": 4, "kernel_size": 3, "padding": 1, "activation": "relu"}]],
                    [["branches", {"paths": [["relu"], ["tanh", "dropout"]], "merge": "add"}]],
                    [],
                ]
            },
            IMAGE,
        ),
        ({"paths": [["flatten", ["linear", {"size": 3}]], ["global_maxpool"]]}, SIGNAL),
        ({"paths": [[["linear", {"size": 2}]], []]}, SEQUENCE),
    ],
    "conv1d": [
        ({"size": (6, 4), "kernel_size": 3}, SIGNAL),
        ({"size": 4, "kernel_size": 3, "stride": 2, "padding": 1, "groups": 2, "dilation": 2}, SIGNAL),
        ({"size": (5, 2), "kernel_size": 3, "bias": False}, SEQUENCE),
    ],
    "conv2d": [
        ({"size": (6, 4), "kernel_size": (3, 3)}, IMAGE),
        ({"size": 4, "kernel_size": (5, 2), "stride": (2, 1), "padding": (2, 1), "bias": False}, IMAGE),
        ({"size": (6, 6), "kernel_size": 3, "groups": 6, "dilation": (2, 1)}, IMAGE),
    ],
    "conv3d": [
        ({"size": (6, 4), "kernel_size": 2}, VOLUME),
        (
            {"size": 4, "kernel_size": (3, 1, 2), "stride": (2, 1, 1), "padding": (1, 0, 1), "bias": False},
            VOLUME,
        ),
    ],
    "custom": [],  # in test_custom.py: its option is a module, not JSON
    "denormalize": [],  # training adds it, add() never: see test_ending.py
    "exponential": [],  # likewise: see test_every_loss.py
    "diffusion_model": [],  # in test_diffusion_export.py: it takes a step beside the images
    "dropout": [({}, IMAGE), ({"p": 0.2}, VECTOR)],
    "em_lstm": [
        ({"size": (3, 4)}, TOKENS),
        ({"size": (3, 4), "num_layers": 2, "vocab_size": 11}, TOKENS),
    ],
    "embedding": [
        ({"size": (9, 4)}, TOKENS),
        ({"size": 3, "channels_first": True, "padding": None}, TOKENS),
        ({"vocab_size": 10, "embedding_dim": 2, "padding": 1}, TOKENS),
    ],
    "elu": [*EVERY_SHAPE, ({"alpha": 0.5}, VECTOR)],
    "efficientnet_lite0": [
        ({}, Shape.image(3, 33, 40)),
        ({"num_classes": 5, "normalize": True, "trainable": False}, Shape.image(1, 16, 9)),
    ],
    "flatten": EVERY_SHAPE,
    "gelu": EVERY_SHAPE,
    "global_avgpool": [({}, IMAGE), ({}, SIGNAL), ({}, SEQUENCE), ({}, VOLUME)],
    "global_maxpool": [({}, IMAGE), ({}, SIGNAL), ({}, SEQUENCE), ({}, VOLUME)],
    "gru": RECURRENT,
    "impute": [
        ({"mean": 0.5, "std": 2.0, "fill": 1.0}, VECTOR),
        ({"mean": 0, "std": 1, "fill": (0, 1, 2, 3, 4, 5), "indicators": (1, 4)}, VECTOR),
    ],
    "identity": EVERY_SHAPE,
    "inception": [
        ({"size": (6, 4, (3, 5), (2, 3), 2)}, IMAGE),
        ({"size": (None, 1, (1, 1), (1, 1), 1)}, IMAGE),
    ],
    "layernorm": [({}, VECTOR), ({"size": 6}, SEQUENCE), ({"size": 6}, VECTOR)],
    "leakyrelu": [*EVERY_SHAPE, ({"slope": 0.01}, VECTOR)],
    "linear": [
        ({"size": (6, 4)}, VECTOR),
        ({"size": 4, "bias": False}, IMAGE),
        ({"size": (6, 4)}, SEQUENCE),
        ({"size": (6, 4), "bias": False}, SEQUENCE),
        ({"size": (30, 4)}, SEQUENCE),
    ],
    "lrn": [({}, IMAGE), ({"size": 3, "alpha": 0.9, "beta": 0.5, "k": 2.0}, IMAGE)],
    "lstm": RECURRENT,
    "maxpool": [
        ({"kernel_size": 2}, IMAGE),
        ({"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}, IMAGE),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, SIGNAL),
    ],
    "maxpool1d": [({"kernel_size": 3, "stride": 2, "padding": 1}, SIGNAL)],
    "maxpool3d": [({"kernel_size": 2}, VOLUME), ({"kernel_size": (1, 2, 2), "stride": 1}, VOLUME)],
    "mobilenet": [({"num_classes": 5, "width": 0.35}, Shape.image(3, 40, 33))],
    "mobilenet_backbone": [
        ({"width": 0.35}, Shape.image(3, 28, 28)),
        ({"width": 0.1, "trainable": False}, Shape.image(1, 8, 8)),
    ],
    "normalize": [
        ({"mean": 0.5, "std": 0.25}, IMAGE),
        ({"mean": (0, 1, 2, 3, 4, 5), "std": (1, 2, 3, 4, 5, 6)}, IMAGE),
        ({"mean": (0, 1, 2, 3, 4, 5), "std": 2.0}, VECTOR),
        ({"mean": (0, 1, 2, 3, 4, 5), "std": 2.0}, SEQUENCE),
    ],
    "part0": EVERY_SHAPE,
    "permute": [
        ({"axes": (2, 1)}, SEQUENCE),
        ({"axes": (0, 2, 1)}, SIGNAL),
        ({"axes": (2, 3, 1)}, IMAGE),
        ({"axes": (1,)}, VECTOR),
    ],
    "positional_embedding": [
        ({"size": (9, 6)}, SEQUENCE),
        ({"size": 8, "kind": "sinusoidal"}, SEQUENCE),
        ({"size": (8, 5), "kind": "sinusoidal"}, Shape.sequence(5, 5)),
    ],
    "relu": EVERY_SHAPE,
    "relu6": EVERY_SHAPE,
    "reshape": [
        ({}, IMAGE),
        ({"size": (6, -1)}, IMAGE),
        ({"size": (6, 11, 13)}, IMAGE),
        ({"size": (3, 2), "axes": ("time", "feature")}, VECTOR),
    ],
    "res_block": [
        ({"size": (6, 6)}, IMAGE),
        ({"size": (6, 8), "num_blocks": 2, "stride": 2}, IMAGE),
        ({"size": 5}, IMAGE),
    ],
    "res_bottleneck": [
        ({"size": (6, 2), "num_blocks": 2}, IMAGE),
        ({"size": 3, "stride": 2}, IMAGE),
        ({"size": (8, 2)}, Shape.image(8, 7, 6)),
    ],
    "rnn": [*RECURRENT, ({"size": (6, 4), "num_layers": 2, "nonlinearity": "relu"}, SEQUENCE)],
    "separable_conv2d": [
        ({"size": (6, 4), "kernel_size": 3}, IMAGE),
        ({"size": 4, "kernel_size": (3, 5), "stride": (2, 1), "padding": (1, 2), "bias": False}, IMAGE),
    ],
    "sigmoid": EVERY_SHAPE,
    "silu": EVERY_SHAPE,
    "softmax": EVERY_SHAPE,
    "squeeze": [
        ({}, Shape.sequence(1, 6)),
        ({}, Shape.signal(1, 6)),
        ({}, Shape.image(1, 5, 6)),
    ],
    "tanh": EVERY_SHAPE,
    "transformer": [],  # in test_transformer.py: it takes two sequences
    "transformer_encoder": [
        ({"size": (6, 8), "num_heads": 2}, SEQUENCE),
        ({"size": 5, "num_heads": 1, "num_layers": 3}, SEQUENCE),
    ],
    "unsqueeze": [({}, SEQUENCE)],
}
"""Options and the input shape, for every layer."""
