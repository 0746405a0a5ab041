"""Names of classes are names of folders on every system."""

from __future__ import annotations

import pytest
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import speaking

from onnxnn.studio.names import LONGEST, checked_name


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("cat", "cat"),
        ("  猫 和 狗  ", "猫 和 狗"),
        ("cafe\u0301", "caf\u00e9"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("v1.2 (new)", "v1.2 (new)"),
        ("console", "console"),
        ("x" * LONGEST, "x" * LONGEST),
        ("007", "007"),
    ],
)
def test_names_of_people_are_taken(given, expected):
    assert checked_name(given, ["dog"]) == expected


@pytest.mark.parametrize(
    "given",
    [
        *(None, 7, ["cat"], "", "   ", "\t\n"),
        *("a/b", "a\\b", "../up", "..", ".", ".hidden", "end.", "C:", "a*", "a?", 'a"b', "<a>", "a|b"),
        *("con", "NUL", "Aux.txt", "com1", "LPT9", "com¹", "conin$"),
        *("thumbs.db", "Desktop.ini", "__MACOSX"),
        *("a\0b", "a\nb", "a\x7fb", "\u202egpj", "\ud800", "a\u2028b", "\u200b"),
        *("x" * (LONGEST + 1), "猫" * 100_000),
        *("dog", "DOG", " dog "),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_other_names_are_refused_with_what_to_do(given, language):
    with speaking(language), pytest.raises(InputError) as error:
        checked_name(given, ["dog"])
    assert error.value.code == "E-STUDIO-02"
    assert len(error.value.text) < 300
    assert any("\u4e00" <= each <= "\u9fff" and each != "猫" for each in error.value.text) == (
        language == "zh_CN"
    )
