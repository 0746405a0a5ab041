"""PNG files that are small whatever the size of their image."""

from __future__ import annotations

import zlib

__all__ = ["png"]


def png(width: int, height: int, color_type: int, bits: int, whole: bool) -> bytes:
    """Return a PNG file of zeros, which is small whatever its size; only its head where it is not whole."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color_type]
    row = b"\0" * (1 + (width * channels * bits + 7) // 8)
    pack = zlib.compressobj(1)
    rows = 64 if whole else 0
    data = b"".join([pack.compress(row * rows) for _ in range(height // 64)])
    data += pack.compress(row * (height % 64 if whole else 0)) + pack.flush()

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")
        )

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([bits, color_type, 0, 0, 0])
    palette = chunk(b"PLTE", b"\1\2\3") if color_type == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
