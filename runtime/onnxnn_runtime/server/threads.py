"""Work on large bodies in a thread, so that other requests need not wait for it."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Callable, TypeVar

__all__ = ["in_thread"]

_IN_LOOP = 100_000
"""Bytes or values that are worked on at once, in less than a millisecond or two."""

_Result = TypeVar("_Result")


async def in_thread(size: int | None, function: Callable[[], _Result]) -> _Result:
    """Return function(); where there is much to do, it runs in a thread.

    Args:
        size: Bytes or values that the function works on; None where that is not known.
        function: What to do.
    """
    if size is not None and size <= _IN_LOOP:
        return function()
    here = contextvars.copy_context()  # it has the language of the request
    return await asyncio.get_running_loop().run_in_executor(None, here.run, function)
