"""Tables that are large, endless, or no regular files: each ends in an answer or in one error."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest
from onnxnn_runtime.errors import InputError, MissingInputError
from onnxnn_runtime.tables.reader import read_table
from support.posix import posix, socket_at

CASES = {
    "columns": ("1," * 999_999 + "2\n", "expected at most 100,000 columns, got 1,000,000"),
    "columns and a heading": ("a," * 200_000 + "b\n" + "1," * 200_000 + "2\n", "at most 100,000"),
    "one line": ("x" * 2_000_000 + "\n", "row 1: expected at most 131,072 characters in a cell"),
    "one line without an end": ("1," * 10_000_000, "columns|at most 16,777,216 characters"),
    "one cell among others": (
        "a,b\n1,2\n" + "9" * 300_000 + ",2\n",
        "row 3: expected at most .* characters in a cell",
    ),
    "a quote without an end": ('a,b\n1,"2\n' + "3,4\n" * 500_000, "cannot be read as CSV .* quotation mark"),
    "quotes only": ('"' * 3_000_000, "cannot be read as CSV|holds|field larger"),
}


@pytest.mark.parametrize(("text", "message"), CASES.values(), ids=CASES)
def test_a_file_beyond_the_limits_is_refused(tmp_path, text, message):
    path = tmp_path / "large.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_table(path).numbers()
    assert len(str(caught.value)) < 500


def test_a_million_rows(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + "1.5,2\n3,4\n" * 500_000, encoding="utf-8")
    table = read_table(path)
    numbers = table.numbers()
    assert (len(table.lines), table.lines[-1]) == (1_000_000, 1_000_001)
    assert numbers.shape == (1_000_000, 2)
    assert numbers[-2:].tolist() == [[1.5, 2], [3, 4]]


def test_a_wide_table_takes_little_more_memory_than_its_numbers(tmp_path):
    path = tmp_path / "wide.csv"
    values = np.random.RandomState(0).randint(0, 256, (1500, 785))
    path.write_text("\n".join(",".join(map(str, row)) for row in values.tolist()) + "\n", encoding="utf-8")
    tracemalloc.start()
    numbers = read_table(path).numbers()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(numbers, values)
    assert peak < numbers.nbytes + 30e6  # the cells as texts would take 75 MB more


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_rows_across_the_borders_of_blocks(tmp_path, monkeypatch, end, quote):
    monkeypatch.setattr("onnxnn_runtime.tables.text._CHUNK", 16)
    monkeypatch.setattr("onnxnn_runtime.tables.numbers._PART", 8)
    values = [[number, number * 0.5, -number] for number in range(50)]
    rows = [",".join(f"{quote}{value}{quote}" for value in row) for row in values]
    path = tmp_path / "a.csv"
    path.write_bytes(("a,b,c" + end + end.join(rows)).encode())
    table = read_table(path)
    assert table.numbers().tolist() == values
    assert table.numbers(["c", "a"]).tolist() == [[row[2], row[0]] for row in values]
    assert table.texts("a") == [str(row[0]) for row in values]
    assert list(table.lines) == list(range(2, 52))


@pytest.mark.parametrize("form", ["%d", "%.1f", "%.7f", "%.3e", "%r", "%+d", "%020.3f"])
def test_numbers_are_those_that_python_reads(tmp_path, form):
    random = np.random.RandomState(0)
    values = random.randn(60, 7) * 10.0 ** random.randint(-3, 6, (60, 7))
    rows = [[form % float(value) for value in row] for row in values]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(map(",".join, rows)), encoding="utf-8")
    expected = [[float(cell) for cell in row] for row in rows]
    assert read_table(path, header=False).numbers().tolist() == expected


@posix
def test_a_pipe_a_socket_and_a_device_are_not_opened(tmp_path):
    os.mkfifo(str(tmp_path / "pipe.csv"))
    with pytest.raises(InputError, match="named pipe"):
        read_table(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="not a regular file"):
        read_table("/dev/zero")
    with socket_at(tmp_path / "s.csv") as path, pytest.raises(InputError, match="socket"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a" * 300 + ".csv", InputError), ("nul\0.csv", InputError), ("no.csv", MissingInputError)],
)
def test_names_that_no_file_has(tmp_path, name, kind):
    with pytest.raises(kind):
        read_table(os.path.join(str(tmp_path), name))


def test_a_file_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("1,2\n", encoding="utf-8")

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match="no permission to read"):
        read_table(path)
