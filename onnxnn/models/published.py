"""Weight files that torchvision publishes: where they are, and the checksums that a download must have.

The first eight digits of each checksum stand in the file's own name, as torch.hub checks them. All are the
weights "IMAGENET1K_V1", trained on ImageNet's 1000 classes; licence BSD-3-Clause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class PublishedFile:
    """One file of weights.

    Args:
        file: Its name, with the first eight digits of the checksum.
        sha256: Its whole checksum.
        megabytes: About how large it is.
    """

    file: str
    sha256: str
    megabytes: int

    @property
    def address(self) -> str:
        """Where it is published."""
        return f"https://download.pytorch.org/models/{self.file}"

    def describe(self) -> str:
        """Return address, size and checksum for a message."""
        return f"{self.address} ({self.megabytes} MB, SHA-256 {self.sha256})"


PUBLISHED: Mapping[str, PublishedFile] = {
    "mobilenet_v2": PublishedFile(
        "mobilenet_v2-b0353104.pth", "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889", 14
    ),
    "resnet18": PublishedFile(
        "resnet18-f37072fd.pth", "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec", 47
    ),
    "resnet34": PublishedFile(
        "resnet34-b627a593.pth", "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f", 87
    ),
    "resnet50": PublishedFile(
        "resnet50-0676ba61.pth", "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a", 103
    ),
    "resnet101": PublishedFile(
        "resnet101-63fe2227.pth", "63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a", 179
    ),
    "resnet152": PublishedFile(
        "resnet152-394f9c45.pth", "394f9c45966e3651a89bbb78a48410a6755854ce4a5ab64927cf1c7247f85e58", 242
    ),
}
"""Network -> its file."""


def published(name: str) -> PublishedFile | None:
    """Return the file of a network's name or of a file's name, such as "resnet18" or "resnet18.pth"."""
    stem = PurePath(name).stem.lower().partition("-")[0].replace("mobilenetv2", "mobilenet_v2")
    return PUBLISHED.get(stem)
