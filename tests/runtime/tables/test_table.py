"""Reading CSV files: encodings, separators, headers, and what is refused."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime.errors import InputError, MissingInputError
from onnxnn_runtime.tables.reader import read_table

IRIS = "sepal,petal,label\n5.1,0.2,0\n7,1.4,1\n"


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write_file


def test_header_and_numbers(write):
    table = read_table(write(IRIS))
    assert table.names == ("sepal", "petal", "label")
    assert table.lines == (2, 3)
    np.testing.assert_array_equal(table.numbers(), [[5.1, 0.2, 0], [7, 1.4, 1]])
    np.testing.assert_array_equal(table.numbers(["petal", -1]), [[0.2, 0], [1.4, 1]])


@pytest.mark.parametrize("end", [",", ",,", " , "])
@pytest.mark.parametrize("header", ["a,b,label\n", ""])
def test_commas_at_the_end_of_each_line_are_no_columns(write, header, end):
    text = header + "1,2,0\n3,,1\n"
    table = read_table(write(text.replace("\n", end + "\n")))
    assert table.rows == (("1", "2", "0"), ("3", "", "1"))
    assert len(table.names) in (0, 3)


def test_a_path_may_be_text(write):
    assert read_table(str(write(IRIS))).num_columns == 3


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1,2\n3,4\n", ()),
        ("1,2\n", ()),
        ("5.1,3.5,setosa\n4.9,3.0,virginica\n", ()),
        ("a,b\n1,2\n", ("a", "b")),
        ("4,3,setosa,virginica\n1,2,3,0\n5,6,7,1\n", ()),
        ("4,3,setosa,versicolor,virginica\n1,2,3,4,0\n", ("4", "3", "setosa", "versicolor", "virginica")),
        (",a,b\n0,1,2\n", ("", "a", "b")),
        ("colour,shape\nred,round\nblue,flat\n", ("colour", "shape")),
        ("red,round\nred,flat\n", ()),
        ("1,2,abc,4,5\n1,2,3,4,5\n1,2,3,4,5\n", ()),
    ],
    ids=["numbers", "one row", "text label", "header", "as much a header as data",
         "iris of scikit-learn", "unnamed column", "all text",
         "all text without header", "a slip in the first row is no header"],
)  # fmt: skip
def test_header_is_recognised(write, text, names):
    assert read_table(write(text)).names == names


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_encodings(write, encoding):
    table = read_table(write("花萼,标签\n1.5,山鸢尾\n2,变色鸢尾\n".encode(encoding), "数据.csv"))
    assert table.names == ("花萼", "标签")
    assert table.texts("标签") == ["山鸢尾", "变色鸢尾"]


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1.5,2\n3,4.25\n",
        "a;b\n1.5;2\n3;4.25\n",
        "a;b\n1,5;2\n3;4,25\n",
        "a\tb\n1,5\t2\n3\t4,25\n",
        'a,b\n"1.5",2\n"3","4.25"\n',
        '"a";"b"\n"1,5";"2"\n"3";"4,25"\n',
        "a,b\r\n1.5,2\r\n3,4.25\r\n\r\n\r\n",
        "\n a , b\n 1.5 , 2\n\n3,4.25\n,\n",
        "a,b\n+1.5e0,2.\n3,.425E+1",
    ],
    ids=["comma", "semicolon", "decimal comma", "tab", "quoted", "quoted decimal comma", "blank lines at end",
         "blanks everywhere", "exponents and no last newline"],
)  # fmt: skip
def test_spellings(write, text):
    table = read_table(write(text))
    assert table.names == ("a", "b")
    np.testing.assert_array_equal(table.numbers(), [[1.5, 2], [3, 4.25]])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk"])
@pytest.mark.parametrize("mark", [";", ",", "|", "\t"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_first_line_may_name_the_separator(write, encoding, mark, quote):
    text = f"{quote}sep={mark}{quote}\r\n长,{quote}b{quote}\r\n1.5,2\r\n3,4\r\n"
    path = write(text.replace(",", mark).encode(encoding))
    table = read_table(path)
    assert (table.names, table.lines) == (("长", "b"), (3, 4))
    np.testing.assert_array_equal(table.numbers(), [[1.5, 2], [3, 4]])


def test_a_column_may_be_called_as_the_line_that_names_the_separator(write):
    assert read_table(write("sep=,b\n1,2\n3,4\n")).names == ("sep=", "b")


def test_a_semicolon_in_quotes_separates_nothing(write):
    assert read_table(write('"a;b",c\n1,2\n')).names == ("a;b", "c")


def test_texts_and_is_numeric(write):
    table = read_table(write("x,label\n1,cat\n2,dog\n"))
    assert table.is_numeric("x")
    assert not table.is_numeric(-1)
    assert table.texts(-1) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got an empty file"),
        ("\n \n", "got an empty file"),
        ("a,b\n", r"expected rows of data after the heading \(a,b\), got none"),
        ("a,b\n1,2\n3\n", r"row 3: expected 2 cells separated by ',', as in row 1, got 1"),
        ("a\tb\n1\t2\t3\n", "separated by a tab"),
        (b"a,b\n\xff\xff,1\n", "expected text in UTF-8, UTF-16"),
        (b"a,b\n1,\x002\n", "expected text in UTF-8, UTF-16"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "expected a CSV file, got a spreadsheet. Save it as CSV"),
        (b"PK\x03\x04rest", "spreadsheet or zip file"),
    ],
)
def test_files_that_are_no_table(write, text, message):
    path = write(text)
    with pytest.raises(InputError, match=message) as caught:
        read_table(path)
    assert str(path) in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(MissingInputError, match=r"nowhere\.csv: no such file"):
        read_table(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="expected a CSV file, got a folder"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("abc", r"row 3, column 2 \('b'\): expected a number, got 'abc'"),
        ("1_0", "expected a number, got '1_0'"),
        ("inf", "expected a number, got 'inf'"),
        ("1e999", "expected a number, got '1e999'"),
        ("１２", "expected a number, got '１２'"),
        ("", r"row 3, column 2 \('b'\): expected a number, got an empty cell"),
        ("nan", "expected a number, got an empty cell or a mark"),
        ("?", "expected a number, got an empty cell or a mark"),
        ("NA", "expected a number, got an empty cell or a mark"),
    ],
)
def test_cells_that_are_no_numbers(write, cell, message):
    table = read_table(write(f"a,b\n1,2\n3,{cell}\n5,6\n"))
    with pytest.raises(InputError, match=message):
        table.numbers()


def test_an_open_quote_swallows_rows_but_not_silently(write):
    with pytest.raises(InputError, match=r"row 3, column 2 \('b'\): expected a number, got '2"):
        read_table(write('a,b\n1,"2\n3,4\n')).numbers()


def test_row_numbers_count_blank_lines(write):
    with pytest.raises(InputError, match="row 5, column 1"):
        read_table(write("a,b\n1,2\n\n\nx,2\n3,4\n")).numbers()


def test_a_missing_text(write):
    with pytest.raises(InputError, match=r"each row of column 2 \('label'\), got none in row 3"):
        read_table(write("x,label\n1,cat\n2,\n")).texts("label")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("c", "expected a column 'c', got the columns a, a"),
        ("a", "expected one column 'a', got 2 in the heading"),
        (2, "expected a column from 0 to 1, got 2"),
        (None, "expected a column from 0 to 1, got None"),
        (1.0, "expected a column from 0 to 1, got 1.0"),
    ],
)
def test_columns_that_do_not_exist(write, column, message):
    with pytest.raises(InputError, match=message):
        read_table(write("a,a\n1,2\n")).numbers([column])


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.lists(finite, min_size=3, max_size=3), min_size=1, max_size=8), st.sampled_from(",;\t"),
       st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.booleans())  # fmt: skip
def test_numbers_survive_a_round_trip(tmp_path_factory, rows, separator, encoding, decimal_comma):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=separator)
    writer.writerow(["a", "b", "c"])
    for row in rows:
        cells = [repr(value) for value in row]
        if decimal_comma and separator != ",":
            cells = [cell.replace(".", ",") for cell in cells]
        writer.writerow(cells)
    path = tmp_path_factory.mktemp("round") / "trip.csv"
    path.write_bytes(buffer.getvalue().encode(encoding))
    np.testing.assert_array_equal(read_table(path).numbers(), np.array(rows))
