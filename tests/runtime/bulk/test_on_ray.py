"""Ray: two actors on this machine write shards, and Ray Data calls `Embedder`."""

from __future__ import annotations

import os
import tempfile

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.bulk import Embedder, embed_files, on_ray
from PIL import Image

ray = pytest.importorskip("ray", reason='needs Ray: pip install "onnxnn-runtime[ray]"')
pq = pytest.importorskip("pyarrow.parquet", reason='needs pyarrow: pip install "onnxnn-runtime[ray]"')

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray's own warnings


@pytest.fixture(scope="module")
def cluster():
    """Ray with two processors in this process; its files lie in a folder of a short name for its sockets."""
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        ray.init(num_cpus=2, include_dashboard=False, _temp_dir=folder, log_to_driver=False)
        yield
        ray.shutdown()


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(9):
        pixels = np.random.RandomState(number).randint(0, 256, (6, 5, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(str(folder / f"{number}.png"))
    return folder


def test_two_actors_write_shards(cluster, golden, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # relative names mean the same in the actors
    path = golden / "models" / "image_embedder.onnx"
    (photos / "4.png").write_bytes(b"none")
    options = {"engine": "ray", "workers": 2, "shard_size": 2}
    with pytest.raises(rt.InputError, match=r"photos.4\.png: expected an image.* kept: . of 9"):
        embed_files(path, "photos", "v", **options)
    begun = pq.read_table(str(tmp_path / "v")).num_rows if list((tmp_path / "v").glob("*.parquet")) else 0
    report = embed_files(path, "photos", "v", errors="skip", **options)
    assert (report.num, len(report.skipped)) == (8, 1)
    assert report.shards in (5, 6), "one more where the shard of the broken image was kept without it"
    assert report.resumed >= begun
    found = pq.read_table(str(tmp_path / "v")).to_pydict()
    names = [os.path.join("photos", f"{number}.png") for number in range(9) if number != 4]
    assert sorted(found["name"]) == names
    vectors = [found["vector"][found["name"].index(name)] for name in names]
    np.testing.assert_allclose(vectors, rt.load(path, device="cpu").embed(names), rtol=0, atol=1e-6)


def test_an_actor_that_ends_is_said(cluster, golden, photos, tmp_path, monkeypatch):
    class Ending(on_ray.Worker):
        def work(self, job):
            os._exit(1)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(on_ray, "Worker", Ending)
    with pytest.raises(rt.DeviceError, match=r"a worker ended .*What is finished stays: run it again"):
        embed_files(golden / "models" / "image_embedder.onnx", "photos", "v", engine="ray", workers=1)


def test_ray_data(cluster, golden, photos):
    path = str(golden / "models" / "image_embedder.onnx")
    data = ray.data.read_binary_files(str(photos), include_paths=True, override_num_blocks=3)
    pool = ray.data.ActorPoolStrategy(size=2)  # each takes half a processor, which leaves one for reading
    options = {"batch_size": 2, "compute": pool, "num_cpus": 0.5}
    rows = data.map_batches(Embedder, fn_constructor_args=[path], **options).take_all()
    assert [set(row) for row in rows] == [{"path", "vector"}] * 9
    rows.sort(key=lambda row: row["path"])
    expected = rt.load(path, device="cpu").embed([row["path"] for row in rows])
    np.testing.assert_allclose([row["vector"] for row in rows], expected, rtol=0, atol=1e-6)
