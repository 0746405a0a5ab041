"""Settings in the cache folder: where it is, what counts as none, and that no failure reaches `load`."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import pytest
from onnxnn_runtime.session.resources import Tuned
from onnxnn_runtime.tuning import cache
from onnxnn_runtime.tuning.machine import machine, processor

MODEL = "a1" * 32
HERE = {"processor": "x", "cores": "2 of 2", "onnxruntime": "1.32.0", "device": "cpu"}


@pytest.mark.parametrize("setting", [Tuned(2, 2, 4), Tuned(1, 1), Tuned(4, 1, 32)])
def test_what_is_written_is_read(folder, setting):
    path = cache.write(MODEL, HERE, setting)
    assert path.parent == folder / "tuning"
    assert cache.read(MODEL, HERE) == setting
    assert cache.read("b" * 64, HERE) is None
    for name in HERE:
        assert cache.read(MODEL, {**HERE, name: "other"}) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[" * 100_000,
        "\ud800",
        '{"setting": 3}',
        json.dumps({"schema": 2, "model": MODEL, "machine": HERE, "setting": {"threads": 1, "workers": 1}}),
        json.dumps({"schema": 1, "model": MODEL, "machine": {}, "setting": {"threads": 1, "workers": 1}}),
        *(
            json.dumps({"schema": 1, "model": MODEL, "machine": HERE, "setting": setting})
            for setting in (
                {},
                {"threads": 1},
                {"threads": 0, "workers": 1},
                {"threads": 10**6, "workers": 1},
                {"threads": True, "workers": 1},
                {"threads": 1, "workers": "2"},
                {"threads": 1, "workers": -1},
                {"threads": 1, "workers": 1, "batch_size": 0},
                {"threads": 1, "workers": 1, "batch_size": 10**9},
                {"threads": 1, "workers": 1, "batch_size": 1.5},
            )
        ),
        " " * 10**6,
    ],
    ids=range(19),
)
def test_damaged_files_count_as_none(text):
    path = cache.write(MODEL, HERE, Tuned(2, 2, 4))
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert cache.read(MODEL, HERE) is None
    assert cache.write(MODEL, HERE, Tuned(1, 1)) == path
    assert cache.read(MODEL, HERE) == Tuned(1, 1)


def test_a_folder_in_the_place_of_the_file():
    path = cache.write(MODEL, HERE, Tuned(2, 2, 4))
    path.unlink()
    path.mkdir()
    assert cache.read(MODEL, HERE) is None
    assert cache.write(MODEL, HERE, Tuned(2, 2, 4)) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_in_the_place_of_the_file_is_not_waited_for():
    path = cache.write(MODEL, HERE, Tuned(2, 2, 4))
    path.unlink()
    os.mkfifo(str(path))
    assert cache.read(MODEL, HERE) is None


def test_a_cache_folder_that_is_a_file(folder):
    folder.write_text("x", encoding="utf-8")
    assert cache.write(MODEL, HERE, Tuned(2, 2, 4)) is None
    assert cache.read(MODEL, HERE) is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_folder_that_is_read_only(folder):
    folder.mkdir(mode=0o500)
    assert cache.write(MODEL, HERE, Tuned(2, 2, 4)) is None


def test_many_writers_leave_one_whole_file(folder):
    settings = [Tuned(1 + number % 7, 1 + number % 5, 1 + number) for number in range(16)]

    def work(setting):
        for _ in range(5):
            cache.write(MODEL, HERE, setting)
            assert cache.read(MODEL, HERE) in settings

    failed = []

    def guarded(setting):
        try:
            work(setting)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(each,)) for each in settings]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    assert len(list((folder / "tuning").iterdir())) == 1


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"ONNXNN_CACHE": "/c"}, "/c"),
        ("linux", {"ONNXNN_CACHE": "~/c"}, "/home/a/c"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/onnxnn"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/a/.cache/onnxnn"),
        ("linux", {}, "/home/a/.cache/onnxnn"),
        ("linux", {"ONNXNN_CACHE": ""}, "/home/a/.cache/onnxnn"),
        ("darwin", {}, "/home/a/Library/Caches/onnxnn"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/onnxnn"),
        ("win32", {}, "/home/a/AppData/Local/onnxnn"),
    ],
)
@pytest.mark.skipif(os.sep != "/", reason="the paths are those of POSIX")
def test_where_the_cache_is(monkeypatch, platform, variables, expected):
    for name in ("ONNXNN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/a")
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache.cache_folder() == Path(expected)


def test_without_a_home_nothing_is_kept(monkeypatch):
    monkeypatch.delenv("ONNXNN_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache.cache_folder() is None
    assert cache.write(MODEL, HERE, Tuned(1, 1)) is cache.read(MODEL, HERE) is None


def test_what_a_setting_belongs_to(monkeypatch):
    from onnxnn_runtime.tuning import machine as module

    before = machine("cpu")
    assert all(isinstance(value, str) and value for value in before.values())
    assert machine("cuda") != before
    monkeypatch.setattr(module, "num_threads", lambda: 77)
    assert machine("cpu") != before


@pytest.mark.parametrize("device", ["openvino", "openvino:bf16"])
def test_a_setting_belongs_to_a_version_of_openvino(monkeypatch, device):
    from onnxnn_runtime.tuning import machine as module

    found = []
    for version in ("2026.1", "2026.2"):
        fake = type("openvino", (), {"__version__": version})
        monkeypatch.setattr(module, "openvino_module", lambda _, fake=fake: fake)
        found.append(machine(device))
    assert found[0] != found[1]
    assert "openvino" not in machine("cpu")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC 9655\nmodel name\t: other\n", "AMD EPYC 9655"),
        ("processor\t: 0\nCPU part\t: 0xd04\n\nHardware\t: RK3308\n", "RK3308"),
        ("CPU part\t: 0xd04\nModel\t\t: Raspberry Pi 4 Model B\n", "Raspberry Pi 4 Model B"),
        ("CPU part\t: 0xd04\n", "0xd04"),
    ],
)
def test_the_name_of_the_processor(tmp_path, monkeypatch, text, expected):
    from onnxnn_runtime.tuning import machine as module

    (tmp_path / "cpuinfo").write_text(text, encoding="utf-8")
    monkeypatch.setattr(module, "_CPUINFO", str(tmp_path / "cpuinfo"))
    assert processor() == expected
    monkeypatch.setattr(module, "_CPUINFO", str(tmp_path / "absent"))
    assert processor()
