from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest


def test_a_warning_points_at_the_callers_line():
    from onnxnn_runtime.messages.warn import warn

    with pytest.warns(UserWarning, match="careful") as caught:
        warn("careful")
    assert caught[0].filename == __file__


def test_a_warning_is_short_and_harmless_whatever_it_quotes():
    from onnxnn_runtime.messages.warn import warn

    for text, expected in (("a\nb 猫", "a\nb 猫"), ("red \x1b[31m", "red \\x1b[31m")):
        with pytest.warns(UserWarning, match="^(a|red)") as caught:
            warn(text)
        assert str(caught[0].message) == expected
    with pytest.warns(UserWarning, match=r"^begin.*end$") as caught:
        warn("begin" + "x" * 10**7 + "end")
    assert len(str(caught[0].message)) < 2000


@pytest.mark.needs_torch
@pytest.mark.parametrize("given", ["x" * 2_000_000, ["x" * 20] * 200_000], ids=["text", "list"])
def test_a_call_warns_in_a_short_message(tmp_path, given):
    from onnxnn import nn

    with pytest.warns(UserWarning, match="data_type=.* has no effect") as caught:
        nn(verbose=0).load_npz_data(_npz(tmp_path), data_type=given)
    assert len(str(caught[0].message)) < 2000


def test_a_warning_from_deep_inside_points_at_the_line_of_the_users_program(tmp_path):
    script = tmp_path / "lesson.py"
    script.write_text(
        textwrap.dedent(
            """
            import onnxnn_runtime.messages.warn as inner
            code = compile("def deep(): warn('careful')\\ndef call(): deep()", "inner.py", "exec")
            exec(code, vars(inner))
            inner.call()
            """
        ),
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, encoding="utf-8", check=True)
    assert "lesson.py:5: UserWarning: careful" in done.stderr


@pytest.mark.needs_torch
@pytest.mark.parametrize("call", ["csv", "labels", "optimmizer", "data_type"])
def test_every_loader_and_layer_warns_at_the_users_line(tmp_path, call):
    from onnxnn import nn

    table = tmp_path / "table.csv"
    table.write_text("".join(f"{i},{i + 1},{i % 2}\n" for i in range(8)), encoding="utf-8")
    model = nn(verbose=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if call == "csv":
            model.load_tab_data(str(table))
        elif call == "labels":
            model.load_dataset(np.zeros((4, 2), np.float32), [1, 3, 1, 3])
        elif call == "optimmizer":
            model.add("linear", size=(2, 2), optimmizer="SGD")
        else:
            model.load_npz_data(_npz(tmp_path), data_type="npz")
    assert caught
    assert {each.filename for each in caught} == {__file__}


def _npz(folder):
    path = folder / "data.npz"
    np.savez(path, data=np.zeros((4, 2), np.float32), label=np.array([0, 1, 0, 1]))
    return str(path)
