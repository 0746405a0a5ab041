"""How many processor cores this process may use: by its affinity, and by the quota of its control group.

Containers, and services of systemd, limit processor time by a quota, which affinity does not show. More
threads than the quota has cores for are stopped again and again, in the middle of their work. Files and
their formats: https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max) and
https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us, cpu.cfs_period_us).
"""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path, PurePosixPath
from typing import Iterator


def num_threads() -> int:
    """Return how many processor cores this process may use, at least 1."""
    cores = affinity()
    share = quota() if sys.platform == "linux" else None
    return cores if share is None else max(1, min(cores, math.ceil(share)))


def is_limited() -> bool:
    """Return whether this process may use fewer cores than the machine has."""
    return num_threads() < (os.cpu_count() or 1)


def affinity() -> int:
    """Return how many cores the system may run this process on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota(root: str = "/") -> float | None:
    """Return for how many cores the control groups of this process give it time, e.g. 1.5.

    Args:
        root: Where the system's files lie.

    Returns:
        The least of all groups that it is in; None where none of them has a limit.
    """
    found = [share for folder in _groups(Path(root)) for share in (_share(folder),) if share is not None]
    return min(found) if found else None


def _groups(root: Path) -> Iterator[Path]:
    """Yield the folders of the control groups of this process, and of those around them.

    In a container its own group is often mounted as the uppermost one, whatever its path says.
    """
    for line in (_text(root / "proc" / "self" / "cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            tops = [root / "sys" / "fs" / "cgroup", root / "sys" / "fs" / "cgroup" / "unified"]
        elif "cpu" in controllers.split(","):
            tops = [root / "sys" / "fs" / "cgroup" / name for name in {controllers, "cpu"}]
        else:
            continue
        inner = PurePosixPath(path.lstrip("/"))
        if ".." in inner.parts:  # outside of what is mounted here
            inner = PurePosixPath()
        for top in tops:
            yield from (top / each for each in (inner, *inner.parents))


def _share(folder: Path) -> float | None:
    """Return the cores of one control group; None where it has no limit, or its files say nothing."""
    words = (_text(folder / "cpu.max") or "").split()  # of version 2: "150000 100000", or "max 100000"
    if not words:
        words = [_text(folder / name) or "" for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")]
    try:
        time, period = (int(word) for word in words)
    except ValueError:
        return None
    return time / period if time > 0 and period > 0 else None


def _text(path: Path) -> str | None:
    try:
        # Names of groups may be of any bytes, in any encoding.
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, ValueError):
        return None
