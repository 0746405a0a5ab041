"""What is decided about a CSV file, and what never is guessed: headings, marks in numbers, encodings."""

from __future__ import annotations

import re

import numpy as np
import pytest
from onnxnn_runtime.errors import CallError, InputError
from onnxnn_runtime.tables.heading import label_named
from onnxnn_runtime.tables.reader import index_columns, read_table


@pytest.fixture
def write(tmp_path):
    def write_file(text, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write_file


@pytest.mark.parametrize(
    "heading", ["2019,2020,label", "2019,Class,2020", "类别,2020,2021", "1,2,y", "2019,b,c", "x,2020,TARGET"]
)
def test_texts_over_numbers_are_a_heading(write, heading):
    table = read_table(write(f"{heading}\n1.5,2.5,0\n2,3.5,1\n1,0.5,0\n"))
    assert table.names == tuple(heading.split(","))
    assert table.notes == ()
    assert table.numbers().shape == (3, 3)


def test_years_beside_a_heading_of_unknown_name_are_a_heading_that_is_mentioned(write):
    path = write("2019,2020,kind\n1.5,2.5,0\n2,3.5,1\n")
    table = read_table(path)
    assert table.names == ("2019", "2020", "kind")
    assert "Use header=False to take it as data" in table.notes[0]
    assert read_table(path, header=False).names == ()


@pytest.mark.parametrize(
    ("first", "rows"),
    [
        ("0,1,2,3", ["5,1,0.5,0", "6,2,0.25,1"]),
        ("0,1,2,3", ["5,1,7,0"]),
        ("1,2,3,4", ["5,1,0.5,0", "6,2,0.25,1"]),
        ("0,1", ["0.5,0", "1.5,1"]),
        ("0,1,2", ["0.5,1.25,0", "1.5,2.5,1"]),
        (",0,1,2", ["0,5,2,0", "1,7,3,1"]),
        ("Unnamed: 0,0", ["0,5", "1,7"]),
        ("2019,2020,2021", ["0.5,1,0", "1.5,3,1"]),
        (",2019,2020", ["0,5,2", "1,7,1"]),
        ("0,1,2,3", ["a,1.5,2,x", "b,1,3.5,y"]),
        ("0;1;2", ["0,5;1,5;0", "1,5;2,5;1"]),
        ("400,401,402,403", ["0.5,0.2,0.1,1", "0.4,0.1,0.3,0"]),
    ],
)
def test_a_first_row_that_counts_the_columns_is_a_heading_that_is_mentioned(write, first, rows):
    path = write("\n".join([first, *rows]) + "\n")
    table = read_table(path)
    assert (table.names, len(table.lines)) == (tuple(re.split("[,;]", first)), len(rows))
    assert any("is taken as the heading. Use header=False" in note for note in table.notes)
    assert read_table(path, header=False).names == ()


@pytest.mark.parametrize(
    "rows",
    [
        ["0,1,2,3", "4,5,6,7", "8,9,10,11"],
        ["0,1,2,3,4", "1,2,3,4,5"],
        ["0,1,2", "5,6,1", "7,6,0"],
        ["0,1", "2,0", "3,1"],
        ["0", "1.5", "2.5"],
        ["2019,2020,2021", "2018,2025,2020", "2030,1,2030"],
        ["00,01,02,03", "5,1,0.5,0", "6,2,0.25,1"],
        ["0,1,2,4", "5,1,0.5,0", "6,2,0.25,1"],
        ["1,2,3,4,5", "2,4,6,8,10", "3,6,9,12,15"],
        ["5,6,7", "1,2,3.5"],
        ["90,91,92", "60,70,80", "75,88,69"],
        ["5,6,7,8", "1,2,3,3", "2,3,3,4"],
        [",1,2", "5,6,0", "7,8,1"],
        [",0,1", "5,6,0", "5,8,1"],
    ],
)
def test_numbers_that_are_like_those_below_are_data(write, rows):
    table = read_table(write("\n".join(rows) + "\n"))
    assert (table.names, len(table.lines)) == ((), len(rows))


def test_a_heading_over_classes_is_none_of_them(write):
    rows = "1.5,2.5,cat\n2,3.5,dog\n1,1.5,cat\n2,2.5,dog\n"
    assert read_table(write("2019,2020,label\n" + rows)).names == ("2019", "2020", "label")
    assert read_table(write("2019,2020,cat\n" + rows)).names == ()
    assert read_table(write(rows)).names == ()


def test_the_user_decides_about_a_heading(write):
    path = write("5,7,9\n1,0,0\n")
    assert read_table(path).names == ()
    assert read_table(path, header=True).names == ("5", "7", "9")
    with pytest.raises(InputError, match="header='yes': expected True, False or None"):
        read_table(path, header="yes")


@pytest.mark.parametrize(
    ("names", "position"),
    [
        (["label", "p0", "p1"], 0),
        (["a", "CLASS", "b"], 1),
        (["标签", "a"], 0),
        (["y", "label", "a"], 1),
        (["a", "b", "c"], None),
        (["label", "Label", "a"], None),
    ],
)
def test_a_label_column_has_a_name_that_says_so(names, position):
    assert label_named(names) == position


def test_the_label_that_a_network_learned_from_comes_first():
    assert label_named(["label", "price", "a"], ["Price"]) == 1


@pytest.mark.parametrize(
    ("heading", "values", "is_index"),
    [
        ("", [0, 1, 2, 3], True),
        ("", [1, 2, 3, 4], True),
        ("Unnamed: 0", [0, 1, 2, 3], True),
        ("Unnamed: 0.1", [0, 1, 2, 3], True),
        ("Unnamed: 0", [7, 2, 9, 4], True),
        ("index", [0, 1, 2, 3], True),
        ("Id", [1, 2, 3, 4], True),
        ("序号", [1, 2, 3, 4], True),
        ("id", [4, 2, 3, 1], False),
        ("", [0, 1, 0, 1], False),
        ("", [0.5, 1.5, 2.5, 3.5], False),
        ("day", [0, 1, 2, 3], False),
    ],
)
def test_columns_that_count_rows(write, heading, values, is_index):
    rows = "".join(f"{value},{number * 1.5},{number % 2}\n" for number, value in enumerate(values))
    table = read_table(write(f"{heading},a,y\n{rows}"))
    assert index_columns(table) == ([0] if is_index else [])


AMBIGUOUS = [
    "1,234\t0.5\t0\n999\t0.25\t1\n",
    "999\t0.25\t1\n1,234\t5\t0\n",
    "1.234,5;2;0\n3;4;1\n",
    "1,234.5\t2\t0\n3\t4\t1\n",
    "0,5;2;0\n1.5;4;1\n",
    "1,234\t2\t0\n12,345\t4\t1\n",
    "1,234,567;2;0\n3;4;1\n",
]


@pytest.mark.parametrize("text", AMBIGUOUS)
@pytest.mark.parametrize("heading", ["a{0}b{0}label\n", ""])
def test_marks_that_may_be_two_things_are_refused(write, text, heading):
    separator = ";" if ";" in text else "\t"
    with pytest.raises(
        InputError, match=r"row \d, column 1.*(thousands|decimal mark).* Use decimal=',' or"
    ) as caught:
        read_table(write(heading.format(separator) + text)).numbers()
    assert str(caught.value).count("table.csv") == 1


@pytest.mark.parametrize(
    ("text", "options", "first"),
    [
        ("1,234\t0.5\t0\n999\t0.25\t1\n", {"thousands": ","}, [1234, 0.5, 0]),
        ("1,234\t2\t0\n12,345\t4\t1\n", {"decimal": ","}, [1.234, 2, 0]),
        ("1.234,5;2;0\n3;4;1\n", {"thousands": ".", "decimal": ","}, [1234.5, 2, 0]),
        ('"1,234,567.25",2\n3,4\n', {"thousands": ","}, [1234567.25, 2]),
        ("1 234 567;2\n3;4\n", {"thousands": " "}, [1234567, 2]),
        ("-1'234;2\n3;4\n", {"thousands": "'"}, [-1234, 2]),
        ("0,5;1,234\n3;4\n", {}, [0.5, 1.234]),
        ("1.234;5\n3;4\n", {}, [1.234, 5]),
    ],
)
def test_marks_that_are_named_or_can_be_one_thing_only(write, text, options, first):
    assert read_table(write(text), **options).numbers()[0].tolist() == first


def test_a_text_column_has_no_part_in_what_the_marks_are(write):
    table = read_table(write("a;b;who\n1,5;2;Dr. No\n3;4;x, y\n"))
    assert table.numbers([0, 1]).tolist() == [[1.5, 2], [3, 4]]


@pytest.mark.parametrize(
    "cell",
    [
        "1 234",
        "1_000",
        "12%",
        "$5",
        "1,23,4",
        "１２",
        "٣",
        "1.2.3",
        "0x10",
        "true",
        '"1,234"',
        "1e",
        "--1",
        "∞",
    ],
)
def test_what_is_no_number_is_named(write, cell):
    shown = cell.strip('"')
    with pytest.raises(InputError, match=r"row 3, column 1 \('a'\): expected a number, got") as caught:
        read_table(
            write(f"a,b\n1,2\n{cell if ',' not in cell else chr(34) + shown + chr(34)},2\n5,6\n")
        ).numbers()
    assert repr(shown) in str(caught.value)


def test_thousands_have_groups_of_three_digits(write):
    with pytest.raises(InputError, match="expected a number, got '1,23'"):
        read_table(write("1,23\t2\n3\t4\n"), thousands=",").numbers()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decimal": ";"}, "decimal=';': expected"),
        ({"thousands": "x"}, "thousands='x': expected"),
        ({"thousands": "."}, "expected two different marks"),
        ({"encoding": "klingon"}, "encoding='klingon': expected"),
        ({"encoding": "hex"}, "encoding='hex': expected"),
        ({"missing": "NA"}, "missing='NA': expected a list"),
    ],
)
def test_options_that_do_not_exist(write, options, message):
    with pytest.raises(InputError, match=message):
        read_table(write("1,2\n3,4\n"), **options)


def test_an_option_that_is_misspelt(write):
    with pytest.raises(CallError, match=r"read_table\(\): unknown option 'decimals'.*'decimal'\?"):
        read_table(write("1,2\n3,4\n"), decimals=",")


@pytest.mark.parametrize(
    ("words", "encoding", "taken"),
    [
        ("pétale,largeur", "latin-1", "cp1252"),
        ("Größe,Länge", "cp1252", "cp1252"),
        ("créée,été", "latin-1", "cp1252"),
        ("ÉTÉ,HIVER", "latin-1", "cp1252"),
        ("température (°C),x", "latin-1", "cp1252"),
        ("°C,x", "latin-1", "cp1252"),
        ("Ñandú,año", "latin-1", "cp1252"),
        ("花萼长度,花瓣", "gbk", "gb18030"),
        ("花瓣length,A类", "gbk", "gb18030"),
        ("类,x", "gbk", "gb18030"),
        ("長度,標籤", "big5", "big5"),
        ("ラベル,長さ", "shift_jis", "cp932"),
        ("Москва,вес", "cp1251", "cp1251"),
    ],
)
def test_an_encoding_is_the_one_that_gives_words(write, words, encoding, taken):
    table = read_table(write(f"{words}\n1,2\n3,4\n", encoding))
    assert table.names == tuple(words.split(","))
    said = taken != "gb18030"  # which spreadsheets write in China, and which is beyond doubt here
    assert [f"is read as {taken}" in note and "encoding= to choose" in note for note in table.notes] == [
        True
    ] * said


def test_the_user_decides_about_an_encoding(write):
    path = write("łódź,x\n1,2\n3,4\n", "cp1250")
    assert read_table(path, encoding="cp1250").names == ("łódź", "x")
    with pytest.raises(InputError, match="expected text in ascii"):
        read_table(path, encoding="ascii").numbers()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "big5"]
)
def test_an_encoding_by_name(write, encoding):
    table = read_table(write('花,"類"\n1,2\n3,4\n', encoding), encoding=encoding)
    assert table.names == ("花", "類")
    np.testing.assert_array_equal(table.numbers(), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    "first", ["120,4,setosa,versicolor,virginica", "30,4,setosa,versicolor,virginica", "99,2,dog"]
)
def test_a_first_row_that_counts_samples_names_no_columns(write, first):
    columns = first.count(",") + 1
    row = ",".join(["1.5"] * (columns - 1))
    table = read_table(write(f"{first}\n{row},0\n{row},1\n"))
    assert (table.names, table.has_heading, table.lines) == ((), True, (2, 3))
    assert table.numbers().shape == (2, columns)
    assert table.notes == ()


@pytest.mark.parametrize("first", ["120,4,b,c", "2019,2,label", "1,2,kind"])
def test_other_first_rows_name_columns(write, first):
    row = ",".join(["1.5"] * first.count(","))
    assert read_table(write(f"{first}\n{row},0\n{row},1\n")).names == tuple(first.split(","))


@pytest.mark.parametrize(
    ("heading", "noted"),
    [("0,1,2", True), ("0,1,2,3", True), ("1,2,3", False), ("0,1", False), ("1,2", False)],
)
def test_a_first_row_that_counts_the_columns_from_0_is_said_where_it_is_data(tmp_path, heading, noted):
    path = tmp_path / "a.csv"
    rows = [",".join(str(number + 5) for number in range(heading.count(",") + 1))] * 2
    path.write_text("\n".join([heading, *rows]) + "\n", encoding="utf-8")
    table = read_table(path)
    assert not table.has_heading
    assert any("though it counts the columns" in note for note in table.notes) == noted
    assert read_table(path, header=True).has_heading
    path.write_text("5,6,0\n7,8,1\n", encoding="utf-8")
    assert not any("though it counts" in note for note in read_table(path).notes)
