"""`embed_files`: shards of vectors, and runs that resume."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image
from support.posix import posix

pytest.importorskip("pyarrow", reason='shards need pyarrow: pip install "onnxnn-runtime[ray]"')

import pyarrow.parquet as pq
from onnxnn_runtime.bulk import embed_files
from onnxnn_runtime.bulk import work as working


@pytest.fixture
def model(open_model):
    return open_model("image_embedder", device="cpu")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(7):
        draw(folder / f"{number}.png", number)
    return folder


def draw(path, seed):
    pixels = np.random.RandomState(seed).randint(0, 256, (6, 5, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(str(path))


def shards_of(folder):
    return sorted(folder.glob("*.parquet"))


def content(folder):
    """Return name -> vector of all shards."""
    found = {}
    for path in shards_of(folder):
        table = pq.read_table(str(path))
        for name, vector in zip(table["name"].to_pylist(), table["vector"].to_pylist()):
            assert name not in found
            found[name] = vector
    return found


def check_complete(model, photos, folder):
    names = sorted(map(str, photos.glob("*.png")))
    found = content(folder)
    assert sorted(found) == names
    np.testing.assert_array_equal([found[name] for name in names], model.embed(names))


def refuse_work(*_):
    raise AssertionError("an input was embedded again")


def test_shards(model, photos, tmp_path):
    reports = []
    report = embed_files(
        model, photos, tmp_path / "v", shard_size=3, progress=lambda *done: reports.append(done)
    )
    assert (report.num, report.dimension, report.shards, report.resumed) == (7, 2, 3, 0)
    assert reports == [(3, 7), (6, 7), (7, 7)]
    check_complete(model, photos, tmp_path / "v")
    schema = pq.read_schema(str(tmp_path / "v" / "part-00000.parquet"))
    assert str(schema.field("vector").type) == "fixed_size_list<element: float>[2]"
    facts = json.loads(schema.metadata[b"onnxnn"].decode())
    assert (facts["model"], facts["normalize"]) == (model.fingerprint, False)
    assert [name for name, *_ in facts["inputs"]] == [str(photos / f"{number}.png") for number in range(3)]
    assert [path.name for path in (tmp_path / "v").iterdir() if path.suffix != ".parquet"] == [".lock"]
    assert pq.read_table(str(tmp_path / "v")).num_rows == 7


def test_a_finished_run_does_nothing(model, photos, tmp_path, monkeypatch):
    embed_files(model, photos, tmp_path / "v", shard_size=3)
    before = [path.stat().st_mtime_ns for path in shards_of(tmp_path / "v")]
    monkeypatch.setattr(working, "write_shard", refuse_work)
    assert embed_files(model, photos, tmp_path / "v", shard_size=3).resumed == 7
    assert [path.stat().st_mtime_ns for path in shards_of(tmp_path / "v")] == before


def test_an_ended_run_resumes(model, photos, tmp_path):
    def stop(done, total):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_files(model, photos, tmp_path / "v", shard_size=3, progress=stop)
    assert len(content(tmp_path / "v")) == 6
    report = embed_files(model, photos, tmp_path / "v", shard_size=3)
    assert (report.resumed, report.num, report.shards) == (6, 7, 3)
    check_complete(model, photos, tmp_path / "v")


def test_changed_and_new_files(model, photos, tmp_path):
    embed_files(model, photos, tmp_path / "v", shard_size=3)
    draw(photos / "1.png", 99)
    draw(photos / "8.png", 8)
    report = embed_files(model, photos, tmp_path / "v", shard_size=3)
    assert (report.resumed, report.num, report.shards) == (6, 8, 4)
    check_complete(model, photos, tmp_path / "v")


def test_vectors_of_other_folders_stay(model, photos, tmp_path):
    (tmp_path / "more").mkdir()
    draw(tmp_path / "more" / "a.png", 5)
    embed_files(model, photos, tmp_path / "v")
    os.unlink(str(photos / "0.png"))
    report = embed_files(model, [tmp_path / "more", str(photos / "*.png")], tmp_path / "v", shard_size=3)
    assert (report.num, report.resumed) == (8, 6)
    assert str(photos / "0.png") in content(tmp_path / "v")


def test_broken_images(model, photos, tmp_path):
    (photos / "4.png").write_bytes(b"\x89PNG\r\n\x1a\n none")
    for done in ([0, 1, 2, 3, 5], [0, 1, 2, 3, 5, 6]):  # the others of its shard are kept
        with pytest.raises(
            rt.InputError, match=rf"4\.png: cannot be read as an image.* kept: {len(done)} of 7"
        ):
            embed_files(model, photos, tmp_path / "v", shard_size=3)
        assert sorted(content(tmp_path / "v")) == [str(photos / f"{number}.png") for number in done]
    for resumed in (6, 7):  # what was left out is done, and named again
        report = embed_files(model, photos, tmp_path / "v", shard_size=3, errors="skip")
        assert (report.num, report.resumed) == (6, resumed)
        ((name, reason),) = report.skipped
        assert name == str(photos / "4.png")
        assert reason.startswith("cannot be read as an image")
    with pytest.raises(rt.InputError, match=r"4\.png: cannot be read"):
        embed_files(model, photos, tmp_path / "v", shard_size=3)
    draw(photos / "4.png", 4)
    assert embed_files(model, photos, tmp_path / "v", shard_size=3).resumed == 6
    check_complete(model, photos, tmp_path / "v")


def test_changed_images_of_which_one_is_broken(model, photos, tmp_path):
    """The shard is written again with the others; the broken one keeps its vector until it is repaired."""
    embed_files(model, photos, tmp_path / "v")
    before = content(tmp_path / "v")
    draw(photos / "1.png", 99)
    (photos / "2.png").write_bytes(b"none")
    draw(photos / "3.png", 98)
    with pytest.raises(rt.InputError, match=r"2\.png: expected an image.* kept: 6 of 7"):
        embed_files(model, photos, tmp_path / "v")
    found = content(tmp_path / "v")
    assert [name[-5] for name in found if found[name] != before[name]] == ["1", "3"]
    draw(photos / "2.png", 97)
    assert embed_files(model, photos, tmp_path / "v").resumed == 6
    check_complete(model, photos, tmp_path / "v")


def test_a_file_that_is_missing_is_said_before_the_work(model, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(working, "write_shard", refuse_work)
    with pytest.raises(rt.InputError, match=r"none\.png: no such file"):
        embed_files(model, [photos, photos / "none.png"], tmp_path / "v")
    assert not (tmp_path / "v").exists()


def test_all_images_broken(model, tmp_path):
    (tmp_path / "a.png").write_bytes(b"none")
    report = embed_files(model, tmp_path / "a.png", tmp_path / "v", errors="skip")
    assert (report.num, report.dimension, len(report.skipped)) == (0, 2, 1)


def test_another_model_is_refused(model, open_model, photos, tmp_path):
    embed_files(model, photos, tmp_path / "v", shard_size=3)
    other = open_model("image_in_graph", device="cpu")
    with pytest.raises(rt.OutputError, match="got those of the model"):
        embed_files(other, photos, tmp_path / "v")
    with pytest.raises(rt.OutputError, match=r"\(normalize=True\)"):
        embed_files(model, photos, tmp_path / "v", normalize=True)
    check_complete(model, photos, tmp_path / "v")
    assert embed_files(other, photos, tmp_path / "v", force=True).shards == 1
    check_complete(other, photos, tmp_path / "v")


def test_a_shard_with_damaged_vectors_is_refused(model, photos, tmp_path):
    embed_files(model, photos, tmp_path / "v")
    path = tmp_path / "v" / "part-00000.parquet"
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * 60 + data[64:])  # what it says of itself stands at its end
    draw(photos / "1.png", 99)
    with pytest.raises(rt.OutputError, match=r"part-00000\.parquet: expected a shard of vectors"):
        embed_files(model, photos, tmp_path / "v")


@posix
def test_a_named_pipe_in_the_place_of_a_shard_is_refused(model, photos, tmp_path):
    (tmp_path / "v").mkdir()
    os.mkfifo(str(tmp_path / "v" / "part-00000.parquet"))
    with pytest.raises(rt.OutputError, match="expected a shard of vectors"):
        embed_files(model, photos, tmp_path / "v")


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\0" * 200 + b"PAR1"])
def test_a_damaged_shard_is_refused(model, photos, tmp_path, data):
    embed_files(model, photos, tmp_path / "v", shard_size=3)
    (tmp_path / "v" / "part-00001.parquet").write_bytes(data)
    with pytest.raises(rt.OutputError, match=r"part-00001\.parquet: expected a shard of vectors"):
        embed_files(model, photos, tmp_path / "v")


def test_a_shard_of_another_program_is_refused(model, photos, tmp_path):
    import pyarrow

    (tmp_path / "v").mkdir()
    pq.write_table(pyarrow.table({"a": [1]}), str(tmp_path / "v" / "part-00000.parquet"))
    with pytest.raises(rt.OutputError, match="expected a shard of vectors"):
        embed_files(model, photos, tmp_path / "v", force=True)


def test_a_full_disk_leaves_what_was_finished(model, photos, tmp_path, monkeypatch):
    embed_files(model, photos / "0.png", tmp_path / "v")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("onnxnn_runtime.files.atomic.os.replace", fail)
    with pytest.raises(rt.OutputError, match="cannot write"):
        embed_files(model, photos, tmp_path / "v")
    assert sorted(path.name for path in (tmp_path / "v").iterdir()) == [".lock", "part-00000.parquet"]


def test_what_a_lost_worker_writes_does_not_count(model, photos, tmp_path, monkeypatch):
    """Its shard has a temporary name, which the next run removes."""
    with monkeypatch.context() as patched:
        patched.setattr(working.Done, "keep", lambda _: sys.exit())
        with pytest.raises(SystemExit):
            embed_files(model, photos, tmp_path / "v", shard_size=3)
    assert len(list((tmp_path / "v").glob(".part-00000.*.unnamed"))) == 1
    assert embed_files(model, photos, tmp_path / "v", shard_size=3).resumed == 0
    check_complete(model, photos, tmp_path / "v")
    assert list((tmp_path / "v").glob(".part*")) == []


def test_what_a_killed_run_leaves_is_removed_and_nothing_else(model, photos, tmp_path):
    ours = [".part-00003.0123abcd.unnamed", "..part-00003.0123abcd.unnamed.4567cdef.part"]
    others = [".mine.unnamed", ".part-00003.unnamed", ".a.part", "part-000000.parquet", "more.parquet"]
    (tmp_path / "v").mkdir()
    for name in ours + others:
        (tmp_path / "v" / name).write_bytes(b"x")
    report = embed_files(model, photos, tmp_path / "v")
    assert (report.num, report.shards) == (7, 1)
    found = {path.name for path in (tmp_path / "v").iterdir()}
    assert found == {*others, ".lock", "part-00000.parquet"}


@pytest.mark.parametrize("package", ["pyarrow", "ray"])
def test_a_missing_package_is_said_before_the_work(model, photos, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, package + ".parquet", None)
    with pytest.raises(
        ImportError, match=rf'needs {package}\. Install it: pip install "onnxnn-runtime\[ray\]"'
    ):
        embed_files(model, photos, tmp_path / "v", engine="ray")
    assert not (tmp_path / "v").exists()


@posix
@pytest.mark.parametrize("name", ["\ud800", "x" * 300])
def test_a_name_that_no_folder_can_have_is_refused(model, photos, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    before = list(tmp_path.iterdir())
    with pytest.raises(rt.OutputError, match=r"255 bytes|no file system"):
        embed_files(model, photos, name)
    assert list(tmp_path.iterdir()) == before


def test_a_second_run_at_the_same_time_is_refused(model, photos, tmp_path):
    def run_another(*_):
        with pytest.raises(rt.InputError, match=f"process {os.getpid()} on .* is writing shards here"):
            embed_files(model, photos, tmp_path / "v")

    embed_files(model, photos, tmp_path / "v", shard_size=3, progress=run_another)
    check_complete(model, photos, tmp_path / "v")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "dask"}, "expected 'local' or 'ray'"),
        ({"workers": 2}, "one process with all cores"),
        ({"shard_size": 0}, "shard_size"),
        ({"errors": "no"}, "expected 'raise' or 'skip'"),
        ({"inputs": b"bytes"}, "expected the path of an image"),
        ({"inputs": "a.npy"}, "expected the path of an image"),
        ({"inputs": []}, "expected at least one"),
    ],
)
def test_wrong_options(model, photos, tmp_path, options, message):
    given = {"inputs": photos, **options}
    with pytest.raises(rt.InputError, match=message):
        embed_files(model, given.pop("inputs"), tmp_path / "v", **given)
    assert not (tmp_path / "v").exists()


def test_models_of_other_inputs_are_refused(open_model, photos, tmp_path):
    with pytest.raises(rt.CardError, match="embed"):
        embed_files(open_model("binary", device="cpu"), photos, tmp_path / "v")
    with pytest.raises(rt.InputError, match="shards are made of image files"):
        embed_files(open_model("table", device="cpu"), photos, tmp_path / "v")


def test_an_empty_folder_is_refused(model, tmp_path):
    with pytest.raises(rt.InputError, match="expected images in this folder"):
        embed_files(model, tmp_path, tmp_path / "v")
