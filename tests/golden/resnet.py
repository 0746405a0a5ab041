"""Writes resnet18.txt, resnet34.txt and resnet50.txt: names and shapes in torchvision's `state_dict()`s.

Derived from the published structure (torchvision/models/resnet.py: a stem `conv1`, `bn1`, four stages
`layerN`, each block with `convN`, `bnN` and, where sizes change, `downsample.0` and `.1`, and `fc` for 1000
classes; a block's stride in its first 3 x 3 convolution), not from our code:

    python tests/golden/resnet.py
"""

from pathlib import Path

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
FOLDER = Path(__file__).parent


def conv(name: str, outputs: int, inputs: int, kernel: int) -> str:
    return f"{name}.weight {outputs} {inputs} {kernel} {kernel}"


def norm(name: str, channels: int) -> list[str]:
    vectors = [f"{name}.{role} {channels}" for role in ("weight", "bias", "running_mean", "running_var")]
    return [*vectors, f"{name}.num_batches_tracked"]


def block(name: str, inputs: int, width: int, outputs: int, strided: bool) -> list[str]:
    if outputs == width:  # two 3 x 3 convolutions
        lines = [conv(f"{name}.conv1", width, inputs, 3), *norm(f"{name}.bn1", width)]
        lines += [conv(f"{name}.conv2", width, width, 3), *norm(f"{name}.bn2", width)]
    else:  # 1 x 1, 3 x 3, 1 x 1
        lines = [conv(f"{name}.conv1", width, inputs, 1), *norm(f"{name}.bn1", width)]
        lines += [conv(f"{name}.conv2", width, width, 3), *norm(f"{name}.bn2", width)]
        lines += [conv(f"{name}.conv3", outputs, width, 1), *norm(f"{name}.bn3", outputs)]
    if strided or inputs != outputs:
        lines += [conv(f"{name}.downsample.0", outputs, inputs, 1), *norm(f"{name}.downsample.1", outputs)]
    return lines


def resnet(layers: int) -> list[str]:
    lines, inputs = [conv("conv1", 64, 3, 7), *norm("bn1", 64)], 64
    for stage, depth in enumerate(DEPTHS[layers], 1):
        width = 32 * 2**stage
        outputs = 4 * width if layers >= 50 else width
        for number in range(depth):
            strided = stage > 1 and number == 0
            lines += block(f"layer{stage}.{number}", inputs, width, outputs, strided)
            inputs = outputs
    return [*lines, f"fc.weight 1000 {inputs}", "fc.bias 1000"]


for layers in DEPTHS:
    (FOLDER / f"resnet{layers}.txt").write_text("\n".join(resnet(layers)) + "\n", encoding="utf-8")
