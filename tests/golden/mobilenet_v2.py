"""Writes mobilenet_v2.txt: the names and shapes in torchvision's `mobilenet_v2().state_dict()`.

Derived from the published structure (torchvision/models/mobilenetv2.py: blocks `features.N`, inverted
residuals with `conv.N`, a classifier at index 1), not from our code:

    python tests/golden/mobilenet_v2.py > tests/golden/mobilenet_v2.txt
"""

BLOCKS = [
    # (inputs, hidden, outputs); features.1 has no widening convolution
    (32, 32, 16),
    (16, 96, 24), (24, 144, 24),
    (24, 144, 32), (32, 192, 32), (32, 192, 32),
    (32, 192, 64), (64, 384, 64), (64, 384, 64), (64, 384, 64),
    (64, 384, 96), (96, 576, 96), (96, 576, 96),
    (96, 576, 160), (160, 960, 160), (160, 960, 160),
    (160, 960, 320),
]  # fmt: skip


def norm(name: str, channels: int) -> None:
    for role in ("weight", "bias", "running_mean", "running_var"):
        print(f"{name}.{role} {channels}")
    print(f"{name}.num_batches_tracked")


def conv(name: str, *shape: int) -> None:
    print(f"{name}.weight {' '.join(map(str, shape))}")


conv("features.0.0", 32, 3, 3, 3)
norm("features.0.1", 32)
for number, (inputs, hidden, outputs) in enumerate(BLOCKS, 1):
    block, index = f"features.{number}.conv", 0
    if number > 1:
        conv(f"{block}.0.0", hidden, inputs, 1, 1)
        norm(f"{block}.0.1", hidden)
        index = 1
    conv(f"{block}.{index}.0", hidden, 1, 3, 3)
    norm(f"{block}.{index}.1", hidden)
    conv(f"{block}.{index + 1}", outputs, hidden, 1, 1)
    norm(f"{block}.{index + 2}", outputs)
conv("features.18.0", 1280, 320, 1, 1)
norm("features.18.1", 1280)
print("classifier.1.weight 1000 1280")
print("classifier.1.bias 1000")
