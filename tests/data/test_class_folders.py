"""Class folders: their names, their order, links, and what may not be read."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime.errors import DataError, MissingDataError
from PIL import Image
from support.posix import posix
from support.prepared import run_python

from onnxnn import nn
from onnxnn.data import folder_names
from onnxnn.data.folder_names import natural
from onnxnn.data.folders import find_images

NFD = unicodedata.normalize("NFD", "café")
ONE_TO_TEN = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def make(root, names):
    """Make class folders of two images each, whose first pixel says which folder they lie in."""
    for number, name in enumerate(names):
        folder = root / name
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            pytest.skip("this file system takes two of these names for one")
        for i in range(2):
            Image.new("RGB", (4, 4), (number, 0, 0)).save(folder / f"{i}.png")
    return root


def named(root, classes):
    """Return which folder each class has."""
    found = find_images(root, classes)
    return {
        found.classes[label]: file.parent.name for file, label in zip(found.files, found.labels, strict=True)
    }


@pytest.mark.parametrize(
    ("folders", "classes", "expected"),
    [
        (["cat", "dog"], ["Dog", "Cat"], {"Dog": "dog", "Cat": "cat"}),
        (["cat", "dog"], {"DOG": 0, "cat": 1}, {"DOG": "dog", "cat": "cat"}),
        (["Straße", "Weg"], ["WEG", "STRASSE"], {"WEG": "Weg", "STRASSE": "Straße"}),
        ([NFD, "thé"], ["thé", "café"], {"thé": "thé", "café": NFD}),
        (["café", "tea"], ["Tea", NFD], {"Tea": "tea", NFD: "café"}),
        (["猫", "狗"], {0: "狗", 1: "猫"}, {"狗": "狗", "猫": "猫"}),
        (["ＡＢ", "狗"], ["狗", "ａｂ"], {"狗": "狗", "ａｂ": "ＡＢ"}),
        (["Cat", "cat"], ["cat", "Cat"], {"cat": "cat", "Cat": "Cat"}),
        (["10", "9", "1"], ["9", "10", "1"], {"9": "9", "10": "10", "1": "1"}),
    ],
)
def test_names_are_matched_to_folders(tmp_path, folders, classes, expected):
    assert named(make(tmp_path, folders), classes) == expected


@pytest.mark.parametrize("titles", [ONE_TO_TEN, list("一二三四五六七八九十"), dict(enumerate(ONE_TO_TEN))])
@pytest.mark.parametrize("pattern", ["{}", "class {}", "{}-te Klasse", "{:02d}"])
def test_titles_follow_the_natural_order(tmp_path, titles, pattern):
    folders = [pattern.format(number) for number in range(1, 11)]
    make(tmp_path, folders)
    with pytest.warns(UserWarning, match="they are titles"):
        found = named(tmp_path, titles)
    names = list(titles.values()) if isinstance(titles, dict) else titles
    assert found == dict(zip(names, folders, strict=True))


@pytest.mark.parametrize(
    ("folders", "titles"),
    [
        (["0_cat", "1_dog"], ["cat", "dog"]),
        (["a1", "a2"], ["A", "a-2"]),
        (["01", "02"], ["1", "2"]),
        (["0", "1"], ["Type 1", "Type 2"]),
        (["1", "2"], ["की", "का"]),
        (["a1", "a2"], ["a", "A"]),
        (["a", "b"], ["banana", "apple"]),
        (["狗", "猫"], ["小狗", "小猫"]),
        (["cat", "dog"], ["cats", "my dogs"]),
    ],
)
def test_titles_may_look_like_their_folders(tmp_path, folders, titles):
    with pytest.warns(UserWarning, match="they are titles"):
        assert named(make(tmp_path, folders), titles) == dict(zip(titles, folders, strict=True))


def test_without_names_the_order_is_natural_too(tmp_path):
    make(tmp_path, ["10", "9", "1", "100"])
    assert find_images(tmp_path).classes == ("1", "9", "10", "100")


@pytest.mark.parametrize(
    "names",
    [("cat", "cat2", "cat10"), ("1", "1a", "a", "a1", "a1b"), ("a 2 b", "a 2 c", "a 10"), ("x", "x0")],
)
def test_a_name_may_begin_as_another_one(tmp_path, names):
    make(tmp_path, reversed(names))
    assert find_images(tmp_path).classes == names


@given(st.lists(st.text("ab1２0 .-猫", min_size=1, max_size=6), max_size=8))
def test_any_names_have_an_order_which_counts(names):
    ordered = sorted(map(Path, names), key=natural)
    assert ordered == sorted(map(Path, names[::-1]), key=natural)
    numbers = [int(path.name) for path in ordered if path.name.isdecimal()]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("folders", "titles"),
    [
        ([f"c{number:04d}" for number in range(3000)], [f"TITLE {number}" for number in range(3000)]),
        ([f"class{number}" for number in range(3000)], [f"CLASS{number}" for number in range(3000)]),
        ([f"class{number}" for number in range(3000)], list(map(str, range(3000)))),
        (list(map(chr, range(0x4E00, 0x5500))), list(map(str, range(0x700)))),
    ],
    ids=["titles", "case", "numbers", "letters"],
)
@pytest.mark.filterwarnings("ignore:classes")
def test_many_classes_are_matched_in_linear_time(folders, titles, monkeypatch):
    """Every name is looked at a few times, and not once for each folder."""
    looked_at = []
    monkeypatch.setattr(folder_names, "folded", lambda name: looked_at.append(name) or name.casefold())
    paths = {name: Path(name) for name in sorted(folders, key=lambda name: natural(Path(name)))}
    assert folder_names.ordered(Path("root"), paths, tuple(titles))[0] == tuple(titles)
    assert len(looked_at) <= 10 * len(folders)


def test_names_come_in_one_unicode_form(tmp_path):
    make(tmp_path, [NFD, "b"])
    assert find_images(tmp_path).classes == ("b", "café")


@pytest.mark.parametrize(
    ("folders", "classes", "message"),
    [
        (["Cat", "cat", "dog"], ["CAT", "x", "dog"], r"'CAT' is ambiguous: .* could be 'Cat', 'cat'"),
        (["cat", "dog"], ["Cat", "CAT"], r"'CAT' is ambiguous: .*'Cat' is among the classes"),
        (["cat", "dog"], ["Cat", "wolf"], "expected names of folders of .*, got 'wolf'"),
        (["1", "01", "2"], ["a", "b", "c"], "order of its folders .* is ambiguous"),
        (["1", "2", "3"], ["a", "b"], "expected names of folders of .*, got 'a', 'b'"),
        (
            ["0_cat", "1_dog"],
            ["dog", "cat"],
            "'dog' looks like the folder '1_dog' of .* at its place is '0_cat'",
        ),
        (["my cat", "my dog"], ["My_Dog", "My_Cat"], "'My_Dog' looks like the folder 'my dog'"),
        (["1猫", "2狗"], ["狗", "猫"], "'狗' looks like the folder '2狗'"),
        (["a1", "a2"], ["A-2", "A-1"], "'A-2' looks like the folder 'a2' of .* at its place is 'a1'"),
        (["狗", "猫"], ["小猫", "小狗"], "'小猫' looks like the folder '猫' of .* at its place is '狗'"),
        (["cat", "dog"], ["dogs", "cats"], "'dogs' looks like the folder 'dog'"),
        (["tabby cat", "guard dog"], ["Cat", "Dog"], "'Cat' looks like the folder 'tabby cat'"),
        (["01", "02"], ["2", "1"], "'2' looks like the folder '02'"),
        (["1 का", "2 की"], ["की", "का"], "'की' looks like the folder '2 की'"),
        (["class1", "class2"], ["2", "1"], "'2' looks like the folder 'class2'"),
        (["café", NFD], None, "two folders have the name 'café'"),
    ],
)
def test_what_is_ambiguous_is_refused(tmp_path, folders, classes, message):
    with pytest.raises(DataError, match=message):
        find_images(make(tmp_path, folders), classes)


@pytest.mark.parametrize("names", [("Dog", "Cat"), ("DOG", "CAT")])
def test_evaluation_matches_names(tmp_path, names):
    make(tmp_path / "train", ["cat", "dog"])
    model = nn("cls", verbose=0)
    model.load_img_data(tmp_path / "train", classes=list(names), shuffle=False)
    model.add("linear", size=(48, 2), activation="softmax")
    model.set_seed(0)
    model.train(lr=0.5, epochs=40, save_fold=str(tmp_path / "ckpt"))
    assert model.evaluate(tmp_path / "train")["acc"] == 1.0
    model.load_img_data(tmp_path / "train")
    assert model.evaluate(model._need_data().train)["acc"] == 1.0


# ---- links, permissions, names ---------------------------------------------------------------------


@posix
def test_links_are_followed(tmp_path):
    make(tmp_path / "store", ["cat", "dog"])
    view = tmp_path / "view"
    view.mkdir()
    os.symlink(tmp_path / "store" / "cat", view / "a")
    (view / "b").mkdir()
    os.symlink(tmp_path / "store" / "dog" / "0.png", view / "b" / "x.png")
    os.symlink(view, view / "b" / "loop")
    os.symlink(tmp_path / "gone", view / "c")
    os.symlink(tmp_path / "gone", view / "b" / "gone.png")
    with pytest.warns(UserWarning, match=r"c, b.gone\.png \(is a link to something that is not there\)"):
        found = find_images(view)
    assert (found.classes, found.labels) == (("a", "b"), (0, 0, 1))


@posix
def test_what_is_no_regular_file_is_left_out(tmp_path):
    make(tmp_path, ["cat", "dog"])
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    os.symlink("/dev/zero", tmp_path / "dog" / "zero.png")
    with pytest.warns(UserWarning, match=r"cat.pipe\.png, dog.zero\.png \(is not a regular file\)"):
        assert len(find_images(tmp_path).files) == 4
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="expected a folder"):
        find_images(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["a.heic", "a.NEF", "a.svg"])
def test_images_that_cannot_be_read_are_named(tmp_path, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    make(tmp_path, ["cat", "dog"])
    (tmp_path / "cat" / name).write_bytes(b"x")
    kind = {"a.heic": "HEIC", "a.NEF": "raw camera", "a.svg": "SVG"}[name]
    with pytest.warns(UserWarning, match=rf"cat.{name} \(is an? {kind} image, which cannot be read here: "):
        find_images(tmp_path)
    for i in range(2):
        (tmp_path / "cat" / f"{i}.png").unlink()
    with pytest.raises(DataError, match=rf"expected images .*1 that is an? {kind} image"):
        find_images(tmp_path)


def test_images_beside_the_class_folders_are_said(tmp_path):
    make(tmp_path, ["cat", "dog"])
    Image.new("RGB", (2, 2)).save(tmp_path / "lost.png")
    with pytest.warns(UserWarning, match=r"lost\.png \(lies beside the class folders\)"):
        find_images(tmp_path)


@pytest.mark.parametrize("name", ["狗".encode("gbk"), b"caf\xe9", b"\xff\xfe"])
def test_names_that_are_no_text_are_refused_at_once(tmp_path, name):
    make(tmp_path, ["cat"])
    try:
        os.mkdir(os.path.join(os.fsencode(tmp_path), name))
    except (OSError, ValueError):
        pytest.skip("this file system takes UTF-8 alone")
    with pytest.raises(DataError, match=r"in UTF-8, got .*Rename the folder"):
        nn("cls", verbose=0).load_img_data(tmp_path)


def test_a_name_of_300_characters(tmp_path):
    with pytest.raises(DataError, match="at most 255 bytes in the name of this folder"):
        find_images(tmp_path / ("a" * 300))
    with pytest.raises(MissingDataError, match="no such folder"):
        find_images(tmp_path / "none")


@pytest.mark.parametrize("address", ["https://example.org/pets", "http://x/y.zip"])
def test_an_address_is_refused_as_such(address):
    with pytest.raises(DataError, match=r"got an address \(URL\)"):
        nn("cls", verbose=0).load_img_data(address)


def test_the_home_folder(tmp_path, monkeypatch):
    make(tmp_path / "pets", ["cat", "dog"])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert find_images("~/pets").classes == ("cat", "dog")


@posix
@pytest.mark.parametrize("what", [".", "cat"])
def test_without_permission(public_folder, what):
    """As another user: the administrator may read everything."""
    root = make(public_folder / "pets", ["cat", "dog"])
    (root / what).chmod(0)
    script = (
        "import os, sys\n"
        "from onnxnn.data.folders import find_images\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "os.chdir('/')\n"
        "try: find_images(sys.argv[1])\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = run_python(["-c", script, root], "/")
    (root / what).chmod(0o755)
    assert done.stdout.startswith("DataError"), done.stderr
    assert "no permission to read this folder" in done.stdout
