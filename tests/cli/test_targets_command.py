"""`onnxnn targets`, and what `info` and refused files say about ONNX Runtimes."""

from __future__ import annotations

import json
import os

from onnxnn_runtime.session.providers import runtime_version
from onnxnn_runtime.targets import PLATFORMS, RELEASES, TARGETS, for_version
from support.paths import GOLDEN


def test_targets_prints_both_tables(onnxnn):
    done = onnxnn("targets")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    for target in TARGETS.values():
        version = "{}.{}".format(*target.oldest)
        assert [target.name, version, str(target.opset), str(target.ir_version)] in [
            each[:4] for each in lines
        ]
    for release in RELEASES:
        row = [release.name, for_version(release.version), str(release.opset), str(release.ir_version)]
        assert row in [each[:4] for each in lines]
    assert "No wheels at all: linux-armv7l (32-bit Arm)." in done.stdout


def test_targets_as_json(onnxnn):
    found = json.loads(onnxnn("targets", "--json").stdout)
    targets = {each["name"]: each for each in found["targets"]}
    assert list(targets) == list(TARGETS)
    assert targets["unihiker"]["oldest"] == "1.13"
    assert (targets["unihiker"]["opset"], targets["unihiker"]["ir_version"]) == (17, 8)
    runtimes = {each["version"]: each for each in found["onnxruntime"]}
    assert runtimes["1.14"]["first_python"] == "3.7"
    assert runtimes["1.14"]["last_python"] == "3.10"
    assert "macos-x86_64" in runtimes["1.23"]["wheels"]
    assert "macos-x86_64" not in runtimes["1.24"]["wheels"]
    assert {name for each in found["onnxruntime"] for name in each["wheels"]} == {*PLATFORMS} - {
        "linux-armv7l"
    }


def test_targets_works_where_onnx_runtime_is_missing(onnxnn, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "onnxruntime.py").write_text("import os; os.abort()", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path / "broken"), os.environ.get("PYTHONPATH", "")])
    done = onnxnn("targets", PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert "unihiker" in done.stdout


def test_targets_in_chinese(onnxnn):
    done = onnxnn("targets", ONNXNN_LANG="zh", PYTHONIOENCODING="utf-8")
    assert "行空板 M10" in done.stdout


def test_info_says_which_runtimes_load_a_file(onnxnn):
    file = GOLDEN / "models" / "table.onnx"
    names = ", ".join(TARGETS)
    assert f"runs on     ONNX Runtime 1.8 or newer; targets: {names}" in onnxnn("info", file).stdout
    found = json.loads(onnxnn("info", file, "--json").stdout)["runs_on"]
    assert found == {"onnxruntime": "1.8", "python": "3.6", "targets": list(TARGETS)}


def test_a_file_that_is_too_new_gets_the_line_to_type(onnxnn):
    done = onnxnn("info", GOLDEN / "models" / "too_new.onnx")
    assert done.returncode == 1
    assert f"onnxnn export CKPT -o FILE.onnx --target {for_version(runtime_version())}" in done.stderr
    assert "Traceback" not in done.stderr
