"""Processor cores: by affinity, and by the quotas of control groups of both versions."""

from __future__ import annotations

import os

import onnxruntime
import pytest
from onnxnn_runtime.session import cores
from onnxnn_runtime.session.cores import is_limited, num_threads, quota


def write_system(root, files):
    """Write files of a made-up system, and return its root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return str(root)


V2 = {"proc/self/cgroup": "0::/a/b\n"}
V1 = {"proc/self/cgroup": "3:cpuset:/\n2:cpu,cpuacct:/docker/1f\n0::/other\n"}
GROUPS = "sys/fs/cgroup"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({**V2, f"{GROUPS}/a/b/cpu.max": "max 100000\n"}, None),
        ({**V2, f"{GROUPS}/a/b/cpu.max": "150000 100000\n"}, 1.5),
        # A group has at most what those around it have.
        ({**V2, f"{GROUPS}/a/b/cpu.max": "max 100000\n", f"{GROUPS}/a/cpu.max": "50000 100000\n"}, 0.5),
        ({**V2, f"{GROUPS}/a/b/cpu.max": "100000 100000\n", f"{GROUPS}/a/cpu.max": "400000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/课堂/b\n", f"{GROUPS}/课堂/cpu.max": "50000 100000\n"}, 0.5),
        # In a container the path is that of the machine outside, and its own group the uppermost.
        ({**V2, f"{GROUPS}/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/../../x\n", f"{GROUPS}/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/../../x\n", "x/cpu.max": "200000 100000\n"}, None),
        (
            {
                **V1,
                f"{GROUPS}/cpu,cpuacct/docker/1f/cpu.cfs_quota_us": "250000\n",
                f"{GROUPS}/cpu,cpuacct/docker/1f/cpu.cfs_period_us": "100000\n",
            },
            2.5,
        ),
        (
            {
                **V1,
                f"{GROUPS}/cpu/cpu.cfs_quota_us": "50000\n",
                f"{GROUPS}/cpu/cpu.cfs_period_us": "100000\n",
            },
            0.5,
        ),
        (
            {**V1, f"{GROUPS}/cpu/cpu.cfs_quota_us": "-1\n", f"{GROUPS}/cpu/cpu.cfs_period_us": "100000\n"},
            None,
        ),
        ({**V1, f"{GROUPS}/cpu/cpu.cfs_quota_us": "50000\n"}, None),
        ({**V2, f"{GROUPS}/a/b/cpu.max": "\n"}, None),
        ({**V2, f"{GROUPS}/a/b/cpu.max": "many 0\n"}, None),
        ({**V2, f"{GROUPS}/a/b/cpu.max": "100000 0\n"}, None),
        ({"proc/self/cgroup": "\nnonsense\n0\n:::\n"}, None),
    ],
)
def test_the_quota_of_control_groups(tmp_path, files, expected):
    assert quota(write_system(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("share", "allowed", "expected"), [(None, 4, 4), (1.5, 4, 2), (0.2, 4, 1), (8.0, 4, 4), (2.0, 1, 1)]
)
def test_threads_follow_affinity_and_quota(monkeypatch, share, allowed, expected):
    monkeypatch.setattr(cores, "affinity", lambda: allowed)
    monkeypatch.setattr(cores, "quota", lambda: share)
    monkeypatch.setattr(cores.sys, "platform", "linux")
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert num_threads() == expected
    assert is_limited() == (expected < 4)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_affinity_counts():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert num_threads() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(("limited", "expected"), [(True, 1), (False, 0)])
def test_a_session_takes_no_more_threads_than_there_are_cores_for(open_model, monkeypatch, limited, expected):
    from onnxnn_runtime.session import engine

    monkeypatch.setattr(engine, "num_threads", lambda: 1)
    monkeypatch.setattr(engine, "is_limited", lambda: limited)
    model = open_model("image_classifier", device="cpu")
    assert isinstance(model._engine._session.session, onnxruntime.InferenceSession)
    assert model._engine._session.session.get_session_options().intra_op_num_threads == expected
