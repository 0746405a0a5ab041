"""What tests need that Windows lacks."""

from __future__ import annotations

import contextlib
import os
import socket

import pytest

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other links, pipes, permissions and signals")


@contextlib.contextmanager
def socket_at(path):
    """Bind a socket to a path, in its folder: macOS takes 104 bytes, less than its temporary folders have."""
    before = os.getcwd()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(str(path.parent))
        try:
            listening.bind(path.name)
        finally:
            os.chdir(before)
        yield path
