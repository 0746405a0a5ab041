"""Images on their way into a model: folders, arrays, batches, broken files."""

from __future__ import annotations

import inspect
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from onnxnn_runtime import InputError, InputSpec, MissingInputError, Preprocess
from onnxnn_runtime.inputs.folders import find_images
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.session import pipeline
from onnxnn_runtime.session.pipeline import batches, ordered
from PIL import Image
from support.inputs import IMAGES, SEQUENCE, TABLE, TOKENS, read

ANY_SIZE = InputSpec("image", ("batch", 3, "height", "width"), Preprocess())


SHORT = replace(SEQUENCE, max_length=2)


SHORT_TEXTS = replace(TOKENS, max_length=2)


IMAGE = np.zeros((8, 8, 3), np.uint8)


def test_a_folder_is_sorted_and_strays_are_passed_over(folder):
    paths, skipped = find_images(folder)
    assert paths == sorted(map(str, folder.glob("*/[0-9]*.png")))
    assert [(each.name, each.reason) for each in skipped] == [(str(folder / "notes.txt"), "is no image")]


def test_a_folder_equals_its_files_one_by_one(folder):
    skipped = []
    names, arrays = read(folder, IMAGES, batch_size=7, skipped=skipped)
    assert len(names) == 40
    assert [each.name for each in skipped] == [str(folder / "notes.txt")]
    for name, array in zip(names, arrays):
        np.testing.assert_array_equal(array, IMAGES.preprocess(name))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_batches_do_not_change_the_numbers_or_their_order(folder, workers, batch_size):
    files = sorted(folder.glob("*/[0-9]*.png"))
    expected = read(files, IMAGES, batch_size=32)
    for source in (files, iter(files), [str(folder)]):
        names, arrays = read(source, IMAGES, workers=workers, batch_size=batch_size)
        assert names == expected[0] == [str(path) for path in files]
        np.testing.assert_array_equal(arrays, expected[1])


def test_samples_of_different_shape_never_share_a_batch(folder):
    sizes = [batch.array.shape for batch in batches(folder, ANY_SIZE)]
    assert sum(size[0] for size in sizes) == 40
    assert len({size[2:] for size in sizes}) > 10


def test_all_kinds_of_images_in_one_list(tmp_path, image):
    pil_image = Image.fromarray(image)
    pil_image.save(str(tmp_path / "a.png"))
    data = (tmp_path / "a.png").read_bytes()
    names, arrays = read([tmp_path / "a.png", data, pil_image, image, [image, tmp_path]], IMAGES)
    assert names == [
        str(tmp_path / "a.png"),
        "input[1]",
        "input[2]",
        "input[3]",
        "input[4][0]",
        str(tmp_path / "a.png"),
    ]
    for array in arrays:
        np.testing.assert_array_equal(array, arrays[0])


def test_raw_images_and_ready_arrays_are_distinguished(image):
    ready = np.random.RandomState(0).rand(2, 3, 8, 8).astype(np.float32)
    names, arrays = read(ready, IMAGES)
    assert names == ["input[0]", "input[1]"]
    np.testing.assert_array_equal(arrays, ready)
    np.testing.assert_array_equal(read(ready[0].astype(np.float64), IMAGES)[1][0], ready[0])
    np.testing.assert_array_equal(read(np.stack([image, image]), IMAGES)[1][1], IMAGES.preprocess(image))
    np.testing.assert_array_equal(read(image[np.newaxis] / 255.0, IMAGES)[1][0], IMAGES.preprocess(image))


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_files_of_arrays_are_images_too(tmp_path, suffix):
    ready = np.random.RandomState(0).rand(2, 3, 8, 8).astype(np.float32)
    raw = np.random.RandomState(1).randint(0, 256, (5, 4, 3)).astype(np.uint8)
    path = str(tmp_path / f"a.{suffix}")
    np.save(path, ready) if suffix == "npy" else np.savez(path, data=ready, label=[0, 1])
    np.save(str(tmp_path / "b.npy"), raw)
    names, arrays = read([path, tmp_path / "b.npy"], IMAGES)
    assert names == [path + "[0]", path + "[1]", str(tmp_path / "b.npy")]
    np.testing.assert_array_equal(arrays[:2], ready)
    np.testing.assert_array_equal(arrays[2], IMAGES.preprocess(raw))
    with pytest.raises(MissingInputError, match=r"none\.npz: no such file"):
        read(tmp_path / "none.npz", IMAGES)


def test_preprocessing_in_the_graph_gets_raw_images(image):
    spec = InputSpec("image", ("batch", "height", "width", 3), IMAGES.preprocess, in_graph=True)
    (array,) = read(image, spec)[1]
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, image)


def test_broken_files_are_named_or_skipped(folder):
    bad = folder / "red" / "07.png"
    bad.write_bytes(b"broken")
    with pytest.raises(InputError, match=r"07\.png: expected an image, got a text file"):
        read(folder, IMAGES)
    skipped = []
    names, _ = read([folder, folder / "none.png"], IMAGES, errors="skip", skipped=skipped, batch_size=4)
    assert len(names) == 40
    assert [each.name for each in skipped] == [str(folder / "notes.txt"), str(bad), str(folder / "none.png")]
    assert "no such file" in skipped[-1].reason


def test_what_came_before_a_broken_file_is_still_given(folder):
    files = sorted(folder.glob("red/[0-9]*.png"))
    files[6].write_bytes(b"broken")
    stream = batches(files, IMAGES, batch_size=3)
    assert [len(next(stream).names), len(next(stream).names)] == [3, 3]
    with pytest.raises(InputError, match="expected an image, got a text file"):
        next(stream)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_as_nested_lists_are_what_their_arrays_are(dtype):
    draw = np.random.default_rng(0)
    if dtype is np.uint8:
        images = draw.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    else:
        images = draw.random((2, 3, 8, 8), np.float32)
    for given in (images, images[0]) if dtype is np.uint8 else (images,):
        expected = read(given, IMAGES)[1]
        np.testing.assert_array_equal(read(given.tolist(), IMAGES)[1], expected)


@pytest.mark.parametrize(
    ("source", "spec", "message"),
    [
        (3, IMAGES, r"input\[0\]: expected an image as a path, a folder.*got int"),
        ([None], IMAGES, r"input\[0\]: expected an image as"),
        (
            np.zeros((2, 5, 8, 8), np.uint8),
            IMAGES,
            r"input\[0\]: .*got an array of shape \(5, 8, 8\)",
        ),
        (np.full((1, 3, 8, 8), 255.0), IMAGES, r"in 0\.\.1 in an array of an image.*Divide"),
        (np.full((1, 3, 8, 8), np.nan), IMAGES, "NaN"),
        (
            np.zeros((1, 3, 9, 8)),
            IMAGES,
            r"expected one sample of shape \(3, 8, 8\), got \(3, 9, 8\)",
        ),
        ([[1.0, 2.0, 3.0]], TABLE, r"expected 2 columns in a row, got 3"),
        ([[1.0, 2.0], [1.0, float("nan")]], TABLE, r"input\[1\]: expected finite numbers, got NaN"),
        ([["1", "2"]], TABLE, r"input\[0\]\[0\]: expected a number, got the text '1'"),
        ([["a", 2.0]], TABLE, r"input\[0\]: expected numbers, got text"),
        ({0: [[1.0]], 1: [[2.0]]}, TABLE, r"expected one sample of shape \(2,\), got \(2, 1, 1\)"),
        ([1.0, [2.0]], TABLE, r"expected one sample of shape .*, got \(\)"),
        ([{"length": 1}], TABLE, "expected length, width"),
        ([[1.0, 2.0], [], [3.0, 4.0]], TABLE, r"input\[1\]: expected 2 columns in a row, got 0"),
        ([np.zeros((0, 2)), [1.0, 2.0]], TABLE, r"input\[0\]: expected one sample of shape .*, got \(0, 2\)"),
        (
            [[1.0, 1e300]],
            TABLE,
            r"input\[0\]: expected numbers of at most 3\.4e\+38 for float32",
        ),
        ("none.csv", TABLE, r"none\.csv: no such file"),
        (
            np.zeros((0, 2)),
            SEQUENCE,
            r"expected one sample of shape \(time, 2\) with at least one step, got \(0, 2\)",
        ),
        ("好x", TOKENS, "'x' is not in the vocabulary of 2 tokens"),
        ("", TOKENS, "got an empty text"),
        ([[0, 2]], TOKENS, r"expected token ids 0\.\.1, as in the vocabulary, got 0\.\.2"),
        ([[0.5]], TOKENS, "expected integers as token ids, got float64"),
        (
            [[0, 1], [], [1]],
            TOKENS,
            r"input\[1\]: expected one sample of shape \(token,\) with at least one step, got \(0,\)",
        ),
        ([[], [0, 1]], TOKENS, r"input\[0\]: expected one sample of shape .*, got \(0,\)"),
        ([[]], TOKENS, "at least one step"),
        (
            [[[1, 2]], []],
            SEQUENCE,
            r"input\[1\]: expected one sample of shape \(time, 2\) with at least one step, got \(0,\)",
        ),
        ([[0, 2**70]], TOKENS, r"expected token ids .*, got 0\.\.1\.180591621e\+21"),
        ([[1e300]], TOKENS, r"expected token ids .*, got 1e\+300\.\.1e\+300"),
        (
            "好bb",
            SHORT_TEXTS,
            r"input\[0\]: expected at most 2 tokens in a sequence, got 3",
        ),
        ([[0, 1, 1]], SHORT_TEXTS, "expected at most .* tokens in a sequence, got 3"),
        (np.zeros((1, 3, 2)), SHORT, r"input\[0\]: expected at most 2 steps in a sequence, got 3"),
        ([IMAGE, []], IMAGES, r"input\[1\]: .*got an array of shape \(0,\)"),
        (np.zeros((1, 3, 0, 8), np.float32), IMAGES, r"expected one sample of shape .*, got \(3, 0, 8\)"),
    ],
)
def test_what_does_not_fit_is_refused(source, spec, message):
    with pytest.raises(InputError, match=message):
        read(source, spec)


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(MissingInputError, match="none: no such file"):
        read(tmp_path / "none", IMAGES)
    with pytest.raises(MissingInputError, match="none: no such folder"):
        find_images(tmp_path / "none")
    with pytest.raises(InputError, match="expected images in this folder, got none; it is empty"):
        read(tmp_path, IMAGES)
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="it holds 1 other file"):
        read(tmp_path, IMAGES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"errors": "ignore"}, "expected 'raise' or 'skip'"),
        ({"batch_size": 0}, "an integer of at least 1"),
        ({"batch_size": True}, "batch_size=True: expected an integer of at least 1"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(InputError, match=message):
        read([], IMAGES, **options)


def test_no_inputs_are_no_batches():
    assert read([], IMAGES) == ([], [])


def test_work_is_done_ahead_in_order_and_only_a_little():
    lock, started = threading.Lock(), []

    def work(item):
        with lock:
            started.append(item)
        time.sleep(0.002 * (item % 3))
        return item

    stream = ordered(work, iter(range(100)), workers=3)
    assert next(stream) == 0
    time.sleep(0.05)
    assert 1 < len(started) <= 7
    assert list(stream) == list(range(1, 100))


def test_a_stream_that_is_left_stops_its_work(folder):
    before = set(threading.enumerate())
    stream = batches(folder, IMAGES, batch_size=1, workers=2)
    next(stream)
    assert set(threading.enumerate()) - before
    stream.close()
    assert not set(threading.enumerate()) - before


@pytest.fixture
def read_ahead(monkeypatch):
    """Return the generators that read ahead; being in a list, none is closed by being forgotten."""
    kept = []

    def keeping(*args, **options):
        kept.append(ordered(*args, **options))
        return kept[-1]

    monkeypatch.setattr(pipeline, "ordered", keeping)
    return kept


@pytest.mark.parametrize("count", [40, 70])  # with all cores for each batch, and with one
@pytest.mark.parametrize("name", ["predict", "embed", "embed_named", "embed_stream"])
def test_reading_ahead_ends_where_progress_raises(open_model, read_ahead, name, count):
    def stopped(done, total):
        raise KeyError(done)

    call = getattr(open_model("image_classifier", threads=2), name)
    with pytest.raises(KeyError):
        list(call([IMAGE] * count, batch_size=2, progress=stopped))
    assert [inspect.getgeneratorstate(each) for each in read_ahead] == [inspect.GEN_CLOSED]


def test_reading_ahead_ends_where_batches_are_left(read_ahead):
    stream = batches([IMAGE] * 9, IMAGES, batch_size=1, workers=2)
    next(stream)
    stream.close()
    assert [inspect.getgeneratorstate(each) for each in read_ahead] == [inspect.GEN_CLOSED]


def test_generators_are_read_lazily(folder):
    taken = []

    def files():
        for path in sorted(folder.glob("*/[0-9]*.png")):
            taken.append(path)
            yield path

    stream = batches(files(), IMAGES, batch_size=2, workers=2)
    next(stream)
    assert len(taken) < 40
    assert not taken or isinstance(find_samples(files(), IMAGES, []), type(iter(files())))


@pytest.mark.parametrize("count", [1, 2])
def test_images_with_the_channels_first_are_the_same_images(count):
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 9, 3), dtype=np.uint8)
    given = images if count > 1 else images[0]
    _, last = read(given, IMAGES)
    _, first = read(np.moveaxis(given, -1, -3), IMAGES)
    assert np.array_equal(first, last)
