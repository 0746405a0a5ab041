"""Files like those of torch.save, put together by hand: so that they can hold what it never writes."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

__all__ = ["Call", "Raw", "pickled", "torch_zip", "write_torch_file"]

_STORAGES = {
    torch.float32: "FloatStorage",
    torch.float64: "DoubleStorage",
    torch.int64: "LongStorage",
    torch.int32: "IntStorage",
    torch.uint8: "ByteStorage",
    torch.bool: "BoolStorage",
    torch.float16: "HalfStorage",
}


@dataclass(frozen=True)
class Call:
    """A call of what the pickle imports: "module name", its arguments, and a state to set."""

    function: str
    arguments: tuple[Any, ...]
    state: Any = None


@dataclass(frozen=True)
class Raw:
    """Steps of the pickle's program as they are; they leave one object on the stack."""

    steps: bytes


def deep(levels: int, opening: bytes = b"]", closing: bytes = b"a") -> Raw:
    """Return lists inside each other; tuples with opening=b")" and closing=b"\\x85"."""
    return Raw(
        opening + b"\x85" * levels if closing == b"\x85" else opening * levels + closing * (levels - 1)
    )


class _Writer:
    def __init__(self) -> None:
        self.storages: list[bytes] = []
        self._memo: dict[int, int] = {}
        self._kept: list[Any] = []  # so that no id is used twice

    def write(self, value: Any) -> bytes:
        if isinstance(value, Raw):
            return value.steps
        if value is None or isinstance(value, bool):
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, float):
            return b"G" + struct.pack(">d", value)
        if isinstance(value, str):
            data = value.encode("utf-8", "surrogatepass")
            return b"X" + struct.pack("<I", len(data)) + data
        if isinstance(value, bytes):
            return self.write(Call("_codecs encode", (value.decode("latin-1"), "latin1")))
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, Call):
            call = self._global(value.function) + self.write(value.arguments) + b"R"
            return call if value.state is None else call + self.write(value.state) + b"b"
        if isinstance(value, tuple):
            return b"(" + b"".join(map(self.write, value)) + b"t"
        return self._container(value)

    def _container(self, value: Any) -> bytes:
        known = self._memo.get(id(value))
        if known is not None:
            return b"j" + struct.pack("<I", known)
        self._memo[id(value)] = len(self._memo)
        self._kept.append(value)
        put = b"r" + struct.pack("<I", self._memo[id(value)])
        if isinstance(value, dict):
            inside = b"".join(self.write(each) for pair in value.items() for each in pair)
            return b"}" + put + b"(" + inside + b"u"
        return b"]" + put + b"(" + b"".join(map(self.write, value)) + b"e"

    @staticmethod
    def _integer(value: int) -> bytes:
        if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        size = value.bit_length() // 8 + 1
        data = value.to_bytes(size, "little", signed=True)
        return (b"\x8a" + bytes([size]) if size < 256 else b"\x8b" + struct.pack("<i", size)) + data

    def _global(self, name: str) -> bytes:
        module, _, attribute = name.partition(" ")
        return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"

    def _tensor(self, value: torch.Tensor) -> bytes:
        number, value = len(self.storages), value.detach().contiguous()
        self.storages.append(value.numpy().tobytes())
        return self.write(
            Call(
                "torch._utils _rebuild_tensor_v2",
                (
                    self.storage(number, _STORAGES[value.dtype], value.numel()),
                    0,
                    tuple(value.shape),
                    tuple(value.stride()),
                    False,
                    Call("collections OrderedDict", ()),
                ),
            )
        )

    def storage(self, number: int, kind: str, count: int) -> Raw:
        steps = b"(" + self.write("storage") + self._global(f"torch {kind}") + self.write(str(number))
        return Raw(steps + self.write("cpu") + self.write(count) + b"tQ")


def pickled(value: Any) -> tuple[bytes, list[bytes]]:
    """Return the pickle of plain data, tensors, `Call` and `Raw`, and the bytes of the storages."""
    writer = _Writer()
    return b"\x80\x02" + writer.write(value) + b".", writer.storages


def torch_zip(value: Any, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a torch file of that content."""
    pickle, storages = pickled(value)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickle)
        archive.writestr("archive/byteorder", "little")
        for number, storage in enumerate(storages):
            archive.writestr(f"archive/data/{number}", storage)
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def write_torch_file(path: Path, value: Any, compression: int = zipfile.ZIP_STORED) -> Path:
    """Write a torch file of that content and return its path."""
    path.write_bytes(torch_zip(value, compression))
    return path
