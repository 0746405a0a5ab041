"""What is added to a gallery: names, labels, broken inputs, and calls that are interrupted."""

from __future__ import annotations

import copy
import os
import threading

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.gallery import folder as folders
from PIL import Image

BLACK = np.zeros((4, 4, 3), np.uint8)


class StopError(Exception):
    """What a user's function raises."""


@pytest.mark.parametrize(
    "name", ["", " ", "猫 狗/1.png", "a\nb\t\x00", "\udcb9.png", "null", '"', "x" * 5000]
)
def test_a_name_is_any_text(tmp_path, name):
    gallery = rt.Gallery.from_vectors([[1, 0], [0, 1]], [name, "other"], [name, None])
    gallery.save(tmp_path / "g")
    opened = rt.Gallery.open(tmp_path / "g")
    opened.remove("other")
    opened.add_vectors([[1, 1]], ["new" + name])
    for each in (opened, rt.Gallery.open(tmp_path / "g")):
        assert (each.names, each.labels) == ([name, "new" + name], [name, None])
        assert each.search([1.0, 0.0], 1)[0][0::2] == (name, name)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a"], r"expected a text for each of 2 vectors, got 1 name"),
        (["a", "b", "c"], r"expected a text for each of 2 vectors, got 3 names"),
        (["a", 1], r"expected a text for each of 2 vectors, got 2 names"),
        (["a", "a"], r"^a: expected names that differ, got this one twice"),
    ],
)
def test_names_of_vectors_are_as_many_and_differ(names, said):
    with pytest.raises(rt.InputError, match=said):
        rt.Gallery.from_vectors([[1, 0], [0, 1]], names)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"names": ["a"]}, r"names: expected a text for each input, but there is none for input\[1\]"),
        ({"names": ["a", "b", "c"]}, r"names: expected a name for each input, got more"),
        ({"names": ["a", "a"]}, r"^a: expected names that differ, got this one twice"),
        ({"labels": ["x"]}, r"labels: expected a label for each input, but there is none for input\[1\]"),
        ({"labels": ["x", "y", "z"]}, r"labels: expected a label for each input, but 'z' is left over"),
        ({"labels": lambda name: 1.5}, r"labels: expected texts, integers or None, got 1.5"),
        ({"labels": 1.5}, r"labels=1.5: expected a label for each input"),
    ],
)
def test_names_and_labels_of_inputs_are_as_many(model, options, said):
    with pytest.raises(rt.InputError, match=said):
        rt.Gallery.build(model, [BLACK, BLACK + 9], **options)


def test_two_files_of_one_name_are_refused(model, photos):
    """The same file, given twice, is one entry."""
    first, second = sorted(map(str, photos.rglob("[0-9]*.png")))[:2]
    gallery = rt.Gallery.build(model, [first, first], names=["a", "a"])
    assert gallery.names == ["a"]
    for call in (gallery.add, lambda inputs, **rest: rt.Gallery.build(model, inputs, **rest)):
        with pytest.raises(rt.InputError, match=r"^b: expected names that differ, got this one twice"):
            call([first, second], names=["b", "b"])


@pytest.mark.parametrize("labels", [{"x", "y"}, frozenset("xy"), {"a": 1, "b": 2}.keys(), 1.5])
def test_labels_without_an_order_are_refused(labels):
    with pytest.raises(rt.InputError, match=r"^labels=.*: expected a label for each input"):
        rt.Gallery.from_vectors(np.eye(2), "ab", labels)


@pytest.mark.parametrize(
    "vectors", [[[1, 2], [3]], [1, [2]], np.zeros((2, 0)), np.zeros(2), 5, None, "ab", [["a", "b"]] * 2, [[]]]
)
def test_what_are_no_vectors_is_refused(vectors):
    gallery = rt.Gallery.from_vectors(np.eye(2), "ab")
    for call in (rt.Gallery.from_vectors, gallery.add_vectors):
        with pytest.raises(rt.InputError, match=r"^vectors: expected "):
            call(vectors, ["c", "d"])
    assert gallery.names == ["a", "b"]


@pytest.mark.parametrize("names", [None, 5, 1.5])
def test_what_is_no_name_is_not_removed(names):
    gallery = rt.Gallery.from_vectors(np.eye(2), ["", "b"])
    with pytest.raises(rt.InputError, match=rf"^names={names}: expected a text, or several of them"):
        gallery.remove(names)
    with pytest.raises(rt.InputError, match=r"^'': is in the gallery already"):
        gallery.add_vectors([[1, 0]], [""])
    assert gallery.remove(name for name in ("", "b")).removed == 2


def test_labels_are_given_in_many_ways(model):
    names = ["a", "b"]
    for labels, expected in (
        ("猫", ["猫", "猫"]),
        ([1, None], ["1", None]),
        (np.array([3, 4]), ["3", "4"]),
        (iter("xy"), ["x", "y"]),
        ({"b": "y"}, [None, "y"]),
        (str.upper, ["A", "B"]),
        (None, [None, None]),
    ):
        assert rt.Gallery.build(model, [BLACK, BLACK + 9], labels=labels, names=names).labels == expected


def test_labels_of_files_are_kept_or_changed(model, photos, tmp_path):
    for labels, expected in (("x", {"x"}), (None, {"x"}), ("y", {"y"})):
        gallery = rt.Gallery.build(model, photos, tmp_path / "g", labels)
        assert set(gallery.labels) == set(rt.Gallery.open(tmp_path / "g").labels) == expected
    assert gallery.changes[:4] == (0, 0, 40, 0)


def test_a_broken_image_stops_what_was_not_written_yet(model, photos, tmp_path):
    broken = photos / "red" / "20.png"
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.raises(rt.InputError, match=r"20\.png"):
        rt.Gallery.build(model, photos, tmp_path / "g", batch_size=2)
    assert 0 < len(rt.Gallery.open(tmp_path / "g")) < 40
    with pytest.warns(UserWarning, match=r"1 input was left out: .*20\.png"):
        gallery = rt.Gallery.build(model, photos, tmp_path / "g", errors="skip")
    assert [each.name for each in gallery.changes.skipped] == [str(broken)]
    assert (len(gallery), str(broken) in gallery) == (39, False)


def test_a_refused_build_leaves_no_folder(model, tmp_path):
    with pytest.raises(rt.MissingInputError):
        rt.Gallery.build(model, str(tmp_path / "nix.png"), tmp_path / "g")
    with pytest.raises(rt.InputError):
        rt.Gallery.build(model, [BLACK], tmp_path / "g", dtype="int8")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_call_is_continued_by_the_next(model, photos, tmp_path):
    said = []

    def stop(done, total):
        said.append((done, total))
        if done >= 12:
            raise StopError

    with pytest.raises(StopError):
        rt.Gallery.build(model, photos, tmp_path / "g", progress=stop)
    kept = len(rt.Gallery.open(tmp_path / "g"))
    assert (kept, said[-1]) == (12, (12, 40))
    changes = rt.Gallery.build(model, photos, tmp_path / "g").changes
    assert (changes.added, changes.unchanged) == (40 - kept, kept)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vectors_of_a_model_that_are_not_finite_are_refused(model, monkeypatch, bad):
    def embed_stream(self, inputs, **options):
        for number, sample in enumerate(inputs):
            yield rt.Embeddings(np.array([[bad if number else 1, 1]], np.float32), [sample.name], [])

    monkeypatch.setattr(rt.Model, "embed_stream", embed_stream)
    with pytest.raises(
        rt.InputError, match=r"^input\[1\]: expected a vector of finite numbers from the model"
    ):
        rt.Gallery.build(model, [BLACK, BLACK])
    with pytest.warns(UserWarning, match=r"1 input was left out: input\[1\]"):
        gallery = rt.Gallery.build(model, [BLACK, BLACK], errors="skip")
    assert gallery.names == ["input[0]"]


def test_files_of_a_gallery_that_was_loaded_are_known_again(model, photos, tmp_path):
    rt.Gallery.build(model, photos, tmp_path / "g")
    rt.Gallery.load(tmp_path / "g").save(tmp_path / "h")
    assert rt.Gallery.build(model, photos, tmp_path / "h").changes.unchanged == 40


def test_a_gallery_travels_to_other_processes(model, photos, tmp_path):
    for gallery in (rt.Gallery.build(model, photos, tmp_path / "g"), rt.Gallery.build(model, photos)):
        again = copy.deepcopy(gallery)  # as pickle does
        assert (again.names, again.path) == (gallery.names, gallery.path)
        assert again.search(gallery.names[0]) == gallery.search(gallery.names[0])


def test_readers_find_whole_changes_while_another_one_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_MOST_RECORDS", 2)
    path, problems, done = tmp_path / "g", [], threading.Event()
    rt.Gallery.from_vectors([[1, 0]], ["0"], ["0"]).save(path)

    def write():
        try:
            writer = rt.Gallery.open(path)
            for number in range(1, 60):
                writer.add_vectors([[1, number]] * 2, [f"{number}", f"{number} again"], f"{number}")
                if number % 5 == 0:
                    writer.remove(f"{number} again")
        except Exception as error:  # which a thread would keep for itself
            problems.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=write)
    thread.start()
    reader, looks = rt.Gallery.open(path), 0
    while not done.is_set() or not looks:
        for gallery in (rt.Gallery.open(path), reader):
            gallery.refresh()
            names, vectors = gallery.names, gallery.vectors
            assert len(names) == len(vectors) == len(gallery.labels)
            numbers = np.array([int(name.split()[0]) for name in names])
            np.testing.assert_allclose(vectors[:, 1] / vectors[:, 0], numbers, rtol=1e-3)
        looks += 1
    thread.join()
    assert problems == []
    assert len(rt.Gallery.open(path)) == 1 + 2 * 59 - 11


def test_the_file_is_looked_at_where_only_its_time_differs(model, photos, tmp_path):
    gallery = rt.Gallery.build(model, photos, tmp_path / "g")
    path = gallery.names[0]
    before = os.stat(path)
    content = bytearray((photos / path).read_bytes())
    other = np.random.RandomState(5).randint(0, 256, (60, 60, 3)).astype(np.uint8)
    Image.fromarray(other).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    assert rt.Gallery.build(model, photos, tmp_path / "g").changes.changed == 1
    (photos / path).write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert rt.Gallery.build(model, photos, tmp_path / "g").changes.changed == 1
    np.testing.assert_allclose(gallery.vectors[0], rt.Gallery.open(tmp_path / "g").vectors[-1], atol=1e-6)
