"""The most memory that this process has held so far."""

from __future__ import annotations

import ctypes
import re
import sys

_STATUS = "/proc/self/status"


def peak_memory() -> int | None:
    """Return the bytes of the largest resident set of this process so far; None where the system hides it.

    Linux's getrusage would count what the process that started this one held, so its status file is read.
    """
    if sys.platform == "win32":
        return _on_windows()
    if sys.platform == "darwin":
        import resource

        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # bytes there
    try:
        with open(_STATUS, encoding="ascii", errors="replace") as file:
            found = re.search(r"^VmHWM:\s+(\d+) kB", file.read(), re.MULTILINE)
    except OSError:
        return None
    return None if found is None else 1024 * int(found.group(1))


def _on_windows() -> int | None:
    """Ask psapi: https://learn.microsoft.com/windows/win32/api/psapi/ns-psapi-process_memory_counters."""
    windows = getattr(ctypes, "windll", None)
    if windows is None:
        return None
    counters = (ctypes.c_size_t * 10)()  # two numbers of 32 bits first, then PeakWorkingSetSize
    ctypes.cast(counters, ctypes.POINTER(ctypes.c_uint32))[0] = ctypes.sizeof(counters)
    ask = windows.kernel32.K32GetProcessMemoryInfo
    ask.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32)
    windows.kernel32.GetCurrentProcess.restype = ctypes.c_void_p
    size = 8 + 8 * ctypes.sizeof(ctypes.c_size_t)
    if not ask(windows.kernel32.GetCurrentProcess(), counters, size):
        return None
    return int(counters[8 // ctypes.sizeof(ctypes.c_size_t)])
