"""The `transform` argument: names, options, torchvision objects, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.errors import DataError

from onnxnn.data import transforms
from onnxnn.data.augment import ColorJitter, RandomAffine, RandomCrop, RandomHorizontalFlip, RandomResizedCrop
from onnxnn.data.transforms import plan
from onnxnn.layers import make, other_names


@pytest.mark.parametrize(
    ("transform", "steps"),
    [
        ({"Resize": (64, 48)}, (("resize", 64, 48),)),
        ({"Resize": [32, 32]}, (("resize", 32, 32),)),
        ({"Resize": 64}, (("resize_short", 64),)),
        ({"Resize": [64]}, (("resize_short", 64),)),
        ({"Resize": {"size": (64, 48)}}, (("resize", 64, 48),)),
        ({"CenterCrop": 20}, (("center_crop", 20, 20),)),
        ({"CenterCrop": (20, 30)}, (("center_crop", 20, 30),)),
        ({"Pad": 2}, (("pad", 2, 2, 2, 2, 0),)),
        ({"Pad": (1, 2)}, (("pad", 1, 2, 1, 2, 0),)),
        ({"Pad": (1, 2, 3, 4)}, (("pad", 1, 2, 3, 4, 0),)),
        ({"Pad": ((1, 2), 255)}, (("pad", 1, 2, 1, 2, 255),)),
        ({"Pad": {"padding": 2, "fill": 9}}, (("pad", 2, 2, 2, 2, 9),)),
        ({"Grayscale": 3}, (("grayscale",),)),
        ({"ToTensor": "", "Resize": 8, "ToPILImage": None}, (("resize_short", 8),)),
        ({"Pad": 1, "Resize": (4, 4)}, (("pad", 1, 1, 1, 1, 0), ("resize", 4, 4))),
        ({"Resize": (4, 4), "Pad": 1}, (("resize", 4, 4), ("pad", 1, 1, 1, 1, 0))),
        (None, ()),
        ({}, ()),
    ],
)
def test_preprocessing(transform, steps):
    found = plan(transform)
    assert found.preprocess == Preprocess("RGB", steps)
    assert found.operations == steps


@pytest.mark.parametrize(
    ("transform", "change"),
    [
        ({"RandomHorizontalFlip": 0.3}, RandomHorizontalFlip(0.3)),
        ({"RandomHorizontalFlip": (0.3,)}, RandomHorizontalFlip(0.3)),
        ({"RandomHorizontalFlip": None}, RandomHorizontalFlip(0.5)),
        ({"RandomCrop": (32, 4)}, RandomCrop((32, 4))),
        ({"RandomCrop": {"size": 32, "padding": 4}}, RandomCrop(32, 4)),
        ({"RandomCrop": ((32, 32), 4)}, RandomCrop((32, 32), 4)),
        ({"RandomResizedCrop": (64, (0.5, 1.0))}, RandomResizedCrop(64, (0.5, 1.0))),
        ({"RandomAffine": (10, (0.1, 0.2))}, RandomAffine(10, (0.1, 0.2))),
        ({"RandomAffine": (-10, 20)}, RandomAffine((-10, 20))),
        ({"ColorJitter": (0.1, 0.2, 0.3, 0.4)}, ColorJitter(0.1, 0.2, 0.3, 0.4)),
        ({"ColorJitter": {"brightness": [0.5, 1.5]}}, ColorJitter((0.5, 1.5))),
    ],
)
def test_augmentation(transform, change):
    assert plan(transform).operations == (change,)


def test_order_is_kept_and_nothing_random_is_left_outside_training():
    found = plan({"Resize": 40, "RandomCrop": 32, "RandomHorizontalFlip": 0.5, "Pad": 1})
    assert found.operations == (
        ("resize_short", 40), RandomCrop(32), RandomHorizontalFlip(0.5), ("pad", 1, 1, 1, 1, 0)
    )  # fmt: skip
    assert found.preprocess.steps == (
        ("resize_short", 40), ("center_crop", 32, 32), ("pad", 1, 1, 1, 1, 0)
    )  # fmt: skip
    assert plan({"RandomResizedCrop": (24, 32)}).preprocess.steps == (
        ("resize_short", 32), ("center_crop", 24, 32)
    )  # fmt: skip


def test_one_grey_channel_is_the_colour_of_the_data():
    assert plan({"Grayscale": None}).preprocess == Preprocess("grayscale")
    assert plan({"Grayscale": {"num_output_channels": 1}}).color == "grayscale"


@pytest.mark.parametrize(
    "value", [((0.1, 0.2, 0.3), (0.4, 0.5, 0.6)), {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}]
)
def test_normalize_is_a_layer(value):
    found = plan({"Normalize": value, "Resize": 8})
    assert found.normalize == make("normalize", {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)})
    assert found.operations == (("resize_short", 8),)


def torchvision(name, **attributes):
    cls = type(name, (), {"__call__": lambda self, image: image})
    cls.__module__ = "torchvision.transforms.transforms"
    made = cls()
    made.__dict__.update(attributes)
    return made


def test_torchvision_objects_are_translated():
    compose = torchvision(
        "Compose",
        transforms=[
            torchvision(
                "Resize", size=[64, 48], interpolation=SimpleNamespace(value="bilinear"), max_size=None
            ),
            torchvision("RandomCrop", size=(32, 32), padding=None, pad_if_needed=False, fill=0),
            torchvision("RandomHorizontalFlip", p=0.3),
            torchvision("ColorJitter", brightness=(0.9, 1.1), contrast=None, saturation=None, hue=None),
            torchvision(
                "RandomAffine", degrees=[-5.0, 5.0], translate=(0.1, 0.1), scale=None, shear=None, fill=0
            ),
            torchvision("ToTensor"),
            torchvision("Normalize", mean=[0.5], std=[0.25], inplace=False),
        ],
    )
    found = plan(compose)
    assert found.operations == (
        ("resize", 64, 48),
        RandomCrop((32, 32)),
        RandomHorizontalFlip(0.3),
        ColorJitter((0.9, 1.1)),
        RandomAffine((-5.0, 5.0), (0.1, 0.1)),
    )
    assert found.normalize == make("normalize", {"mean": (0.5,), "std": (0.25,)})
    assert found.functions == ()


def test_functions_are_kept_in_their_place():
    compose = torchvision(
        "Compose", transforms=[torchvision("Resize", size=8), str, torchvision("GaussianBlur")]
    )
    found = plan(compose)
    assert found.functions == found.operations[1:]
    assert found.functions[0] is str
    assert found.preprocess.steps == (("resize_short", 8),)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (
            {"Resise": 8},
            r"transform 'Resise' is unknown\. Did you mean 'Resize'\? Known transforms: Resize, CenterCrop",
        ),
        ({"RandomErasing": 0.5}, r"'RandomErasing' is unknown\. Give a function"),
        ({"RandomPerspective": 0.5}, "Write 'RandomAffine' with shear"),
        ({"Resize": {"sise": 8}}, r"transform 'Resize': unknown option 'sise' \(did you mean 'size'\?\)"),
        ({"Resize": None}, "transform 'Resize': 'size' is missing. Its options: size"),
        ({"Resize": "(8, 8)"}, "got the text .*, which is not evaluated"),
        ({"Resize": "__import__('os').abort()"}, "got the text .*, which is not evaluated"),
        ({"Resize": -8}, r"Resize\(size=-8\): size: expected"),
        ({"Resize": (8, 8, 8)}, "size: expected"),
        ({"Resize": 8.5}, "size: expected"),
        ({"CenterCrop": 0}, "size: expected"),
        ({"Pad": (1, 2, 3)}, "padding: expected"),
        ({"Grayscale": 2}, "num_output_channels: expected 1 or 3"),
        ({"RandomHorizontalFlip": (0.5, 1)}, "expected at most 1 value, got 2. Its options: p"),
        ({"RandomHorizontalFlip": 2}, "p: expected a number from 0 to 1"),
        ({"Normalize": ([0.5, 0.5], [1, 1])}, r"mean: expected one .* for each channel \(3\), got 2"),
        ({"Normalize": ([0.5], [0])}, "numbers above 0"),
        ({"Resise": 8, "CenterCrop": 0}, r"(?s)Resise.*CenterCrop"),
        (5, r"transform=5: expected \{name: options\}"),
        (torchvision("Resize", size=8, interpolation="bicubic"), "bilinear interpolation, got bicubic"),
    ],
)
def test_transforms_that_do_not_fit(transform, message):
    with pytest.raises(DataError, match=message):
        plan(transform)


def test_unknown_colour():
    with pytest.raises(DataError, match="color='BGR': expected one of 'RGB', 'grayscale'"):
        plan(None, "BGR")


@pytest.mark.parametrize(
    "transform",
    [
        {f"Resise{number}": 8 for number in range(1000)},
        {"Resize": {f"sise{number}": 8 for number in range(1000)}},
    ],
    ids=["names", "options"],
)
def test_of_many_mistakes_the_first_are_looked_for(transform, monkeypatch):
    looked_for = []
    nearest = transforms.nearest
    for module in (transforms, other_names):
        monkeypatch.setattr(
            module, "nearest", lambda word, known: looked_for.append(word) or nearest(word, known)
        )
    with pytest.raises(DataError, match="unknown"):
        plan(transform, "RGB")
    assert len(looked_for) == 5
