"""What the embedding benchmarks share: a model of MobileNetV2's size and a folder of JPEG files."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from quick import quick_or

SIZE = quick_or(32, 224)

FASTEMBED_NAME = "Qdrant/resnet50-onnx"
"""The model of FastEmbed whose name the file takes: its own ones come from a hub."""

# Says in a script's last line what it computed and its peak memory in MiB. VmHWM belongs to the program
# alone; getrusage would count what the process that started it held.
PEAK = """
import json, re
status = open("/proc/self/status").read()
print(json.dumps([result, int(re.search("VmHWM:\\\\s+(\\\\d+)", status).group(1)) / 1024]))
"""


def make_model(path: Path, preprocess: str = "runtime", measured: bool = False) -> Path:
    """Export MobileNetV2 (1,280 features, any image size, images resized to 224) to `path`.

    Args:
        path: The file to write.
        preprocess: "runtime", or "graph" for preprocessing in the graph.
        measured: Whether batch normalisation has the statistics of random images, as after training; with
            those of a new network the numbers get smaller with each layer, down to 1e-9.
    """
    import torch

    from onnxnn import nn

    torch.manual_seed(0)
    model = nn("embed", verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a/0.png", "a/1.png", "b/0.png", "b/1.png"):
            (Path(folder) / name).parent.mkdir(exist_ok=True)
            Image.new("RGB", (32, 32)).save(Path(folder) / name)
        model.load_img_data(folder, batch_size=2, transform={"Resize": (SIZE, SIZE)})
    model.add("mobilenet_backbone")
    if measured:
        model.model.train()
        with torch.no_grad():
            for _ in range(quick_or(2, 30)):
                model.model(torch.rand(8, 3, SIZE, SIZE))
        model.model.eval()
    model.export(str(path), preprocess=preprocess)
    return path


def make_files(folder: Path, count: int, distinct: int = 200, seed: int = 0) -> list[str]:
    """Write 640x480 JPEG files of about 100 KB: smooth shapes with the fine noise of a camera.

    Beyond `distinct` files the same images come again under new names (hard links); another seed has others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    paths = [folder / f"{i:05d}.jpg" for i in range(count)]
    for i, path in enumerate(paths):
        if path.exists():
            continue
        if i >= distinct:
            path.hardlink_to(paths[i % distinct])
            continue
        shapes = Image.fromarray(random.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        smooth = np.asarray(shapes.resize((640, 480), Image.Resampling.BICUBIC), np.int64)
        noisy = smooth + random.integers(-12, 13, (480, 640, 1))
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=90)
    return [str(path) for path in paths]


def write_for_fastembed(model: str, folder: Path) -> None:
    """Write a new folder from which FastEmbed opens a model file, with the same steps before the network."""
    folder.mkdir()
    (folder / "model.onnx").write_bytes(Path(model).read_bytes())
    steps = {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"height": SIZE, "width": SIZE},
        "resample": int(Image.Resampling.BILINEAR),
        "do_center_crop": False,
        "do_rescale": True,
        "do_normalize": False,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(steps), encoding="utf-8")
