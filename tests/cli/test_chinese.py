"""The command speaks Chinese where the user does."""

from __future__ import annotations

import re

import pytest
from onnxnn_cli.main import COMMANDS, GROUPS
from onnxnn_cli.output import padded, print_table

NAMES = [*(command.__name__.replace("_", "-") for command in COMMANDS), *GROUPS]


def is_chinese(text):
    return re.search("[\u4e00-\u9fff]", text) is not None


def test_the_list_of_commands(onnxnn):
    listed = re.findall(r"^  ([a-z][a-z-]*)  +(.*)", onnxnn("--help", ONNXNN_LANG="zh").stdout, flags=re.M)
    assert [name for name, _ in listed] == NAMES
    for name, text in listed:
        assert is_chinese(text), name
        assert not text.endswith("..."), name


@pytest.mark.parametrize("name", NAMES)
def test_help_of_each_command(onnxnn, name):
    said = onnxnn(name, "--help", ONNXNN_LANG="zh").stdout
    assert f"示例：onnxnn {name}" in said
    for text in re.findall(r"^  -\S.*?  +(\S.*)", said, flags=re.M):
        assert is_chinese(text), text
    for word in ("Usage", "Options", "Arguments", "Show this", "required", "default"):
        assert word not in said


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["info"], "缺少参数 'FILE'。"),
        (["embed", "m.onnx", "x.png"], "缺少选项 '--out' / '-o'。"),
        (["infoo"], "没有命令 'infoo'。"),
        (["info", "x", "--nope"], "没有选项 --nope。"),
        (["info", "x", "y"], "参数太多：y。"),
        (["sample", "x", "-n"], "后面要有一个值。"),
        (["sample", "x", "-n", "0"], "'--num' / '-n' 的值不对："),
        (["serve", "x", "--port", "65536"], "'--port' 的值不对："),
        (["sample", "x", "--steps", "few"], "'--steps' 的值不对："),
    ],
)
def test_wrong_usage(onnxnn, call, said):
    done = onnxnn(*call, ONNXNN_LANG="zh")
    assert done.returncode == 2
    assert "错误：" in done.stderr
    assert said in done.stderr
    assert not re.search(r"Usage|Error|Missing|Invalid|Try|valid|Input should|range", done.stderr)


def test_inputs_that_cannot_be_read_are_named_once(onnxnn, exported, tmp_path):
    good = sorted(exported.glob("images/*/*.png"))[0]
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    call = ["predict", exported / "cnn.onnx", good, "broken.png"]
    done = onnxnn(*call, ONNXNN_LANG="zh")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert re.fullmatch(r"onnxnn: broken\.png.*可用 --skip-errors 跳过.* \[E-INPUT-09\]", line)
    assert line.count("broken.png") == 1
    done = onnxnn(*call, "--skip-errors", ONNXNN_LANG="zh")
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("已跳过：broken.png（")
    assert line.count("broken.png") == 1


def test_columns_of_chinese_are_aligned(capsys):
    assert padded("猫", 4) + "|" == "猫  |"
    assert padded("cat", 4) + "|" == "cat |"
    print_table([("名称", "x"), ("a", "y")])
    assert capsys.readouterr().out == "名称  x\na     y\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("call", [["--help"], ["info"], ["info", "missing.onnx"]])
def test_english_where_the_streams_cannot_hold_chinese(onnxnn, encoding, call):
    found = onnxnn(*call, ONNXNN_LANG="zh", PYTHONIOENCODING=encoding)
    said = found.stdout + found.stderr
    assert re.search("Usage|[Mm]issing|no such", said)
    assert "?" * 3 not in said
    assert "\\u" not in said
