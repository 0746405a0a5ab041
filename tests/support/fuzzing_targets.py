"""What `tests/fuzz/test_harness.py` uses to see each kind of outcome."""

from __future__ import annotations

import os


def check(number: int) -> None:
    from onnxnn_runtime import InputError

    class Unbounded(InputError):
        """An error that passes by the bounded text of its base class."""

        def __str__(self) -> str:
            return str(self.args[0])

    if number == 1:
        raise InputError("not this one")
    if number == 2:
        raise KeyError("foreign")
    if number == 3:
        while True:
            pass
    if number == 4:
        bytearray(60 << 20)[:] = b"x" * (60 << 20)
    if number == 5:
        os._exit(3)
    if number == 6:
        raise Unbounded("x" * 10_000)
    if number == 7:
        raise Unbounded("a red \x1b[31m word")
    if number == 8:
        raise SystemExit(0)
