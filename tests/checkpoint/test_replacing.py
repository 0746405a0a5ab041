"""No file that a network writes takes the place of an input, or of a file of another format."""

from __future__ import annotations

import builtins
import errno
import io
import os
import shutil
import zipfile

import numpy as np
import pytest
from onnxnn_runtime.errors import ExportError, OnnxnnError, OutputError, TrainingError
from PIL import Image

from onnxnn import nn

pytestmark = pytest.mark.needs_torch


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a folder with an image, and networks by kind that learned from such."""
    folder = tmp_path_factory.mktemp("trained")
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)
    cnn = nn("cls", save_fold=str(folder / "cnn"), verbose=0)
    cnn.load_dataset(images, [0, 1] * 4, batch_size=8)
    cnn.add("conv2d", size=(3, 4), kernel_size=3, activation="relu")
    cnn.add("linear", size=2, activation="softmax")
    cnn.train(epochs=1)
    denoiser = nn(save_fold=str(folder / "denoiser"), verbose=0)
    denoiser.load_dataset(images[..., 0], [0, 1] * 4, batch_size=8)
    denoiser.add("diffusion_model", img_size=8, timestep=20, dim=8, dim_mults=(1, 2), attention=False)
    denoiser.train(epochs=1)
    return {"cnn": cnn, "denoiser": denoiser, "checkpoint": folder / "cnn" / "basenn.pth", "image": images[0]}


def plot(trained, path, **options):
    pytest.importorskip("matplotlib")
    return trained["cnn"].plot_history(path, **options)


WRITERS = {
    "export": (".onnx", lambda t, path, **options: t["cnn"].export(path, **options).path),
    "convert": (".onnx", lambda t, path, **options: t["cnn"].convert(None, path, **options).path),
    "save": (".pth", lambda t, path, **options: t["cnn"].save(path, **options)),
    "plot_history": (".png", plot),
    "plot_history as svg": (".svg", plot),
    "plot_history as pdf": (".pdf", plot),
    "visual_filters": (".png", lambda t, path, **options: t["cnn"].visual_filters(path, **options)),
    "visual_filters as jpg": (".jpg", lambda t, path, **options: t["cnn"].visual_filters(path, **options)),
    "show": (
        ".png",
        lambda t, path, **options: t["denoiser"].show(np.zeros((4, 1, 8, 8)), path=path, **options),
    ),
    "noisy": (
        ".png",
        lambda t, path, **options: t["denoiser"].noisy(t["image"], 10, path=path, **options) and path,
    ),
}


@pytest.mark.parametrize("name", list(WRITERS))
def test_files_of_other_formats_are_replaced_only_by_force(trained, tmp_path, name):
    suffix, write = WRITERS[name]
    path = tmp_path / f"file{suffix}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thesis.txt", "years of work")
    before = path.read_bytes()
    with pytest.raises((OutputError, ExportError), match=rf"file\{suffix}: (is a|expected)"):
        write(trained, path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    write(trained, path, force=True)
    assert path.read_bytes() != before
    write(trained, path)  # its own format now


@pytest.mark.parametrize("name", list(WRITERS))
def test_names_for_other_formats_are_refused(trained, tmp_path, name):
    for other in (".csv", ".npz", ".py"):
        with pytest.raises(OnnxnnError, match=rf"file\{other}"):
            WRITERS[name][1](trained, tmp_path / f"file{other}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", list(WRITERS))
@pytest.mark.parametrize("where", ["a file instead of a folder", "a folder", "a long name"])
def test_places_that_cannot_be_written_are_one_error_with_the_wanted_file(trained, tmp_path, name, where):
    suffix, write = WRITERS[name]
    (tmp_path / "file").write_text("x", encoding="utf-8")
    path = {
        "a file instead of a folder": tmp_path / "file" / f"wanted{suffix}",
        "a folder": tmp_path / f"wanted{suffix}",
        "a long name": tmp_path / f"wanted{'d' * 300}{suffix}",
    }[where]
    if where == "a folder":
        path.mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*wanted") as found:
        write(trained, path)
    assert ".part" not in str(found.value)


@pytest.fixture
def photo(trained, tmp_path):
    path = tmp_path / "photos" / "1.jpg"
    path.parent.mkdir()
    Image.fromarray(trained["image"]).save(path)
    return path


def test_layers_never_replace_the_image_that_they_are_of(trained, photo):
    before = photo.read_bytes()
    for given in (photo, [photo], photo.parent):
        with pytest.raises(OutputError, match=r"1.jpg: expected another file than the one that is read"):
            trained["cnn"].visual_feature(given, save_fold=photo.parent)
        assert [each.name for each in photo.parent.iterdir()] == ["1.jpg"]
    assert photo.read_bytes() == before
    trained["cnn"].visual_feature(photo, save_fold=photo.parent / "layers")
    trained["cnn"].visual_feature(photo, save_fold=photo.parent, force=True)
    assert photo.read_bytes() != before


def test_noise_never_replaces_the_image_that_it_is_laid_over(trained, photo):
    before = photo.read_bytes()
    with pytest.raises(OutputError, match=r"1.jpg: expected another file than the one that is read"):
        trained["denoiser"].noisy(photo, 10, path=photo)
    assert photo.read_bytes() == before


def test_noise_has_a_caption_below_each_image(trained, tmp_path):
    denoiser = trained["denoiser"]
    denoiser.noisy(trained["image"], 10, 4, path=tmp_path / "noisy.png")
    denoiser.show(np.zeros((4, 1, 8, 8)), (1, 4), path=tmp_path / "plain.png")
    with Image.open(tmp_path / "noisy.png") as noisy, Image.open(tmp_path / "plain.png") as plain:
        assert noisy.width == plain.width
        assert noisy.height > plain.height
        captions = np.asarray(noisy)[plain.height :]
    thirds = np.array_split(captions, 4, axis=1)
    assert all(part.max() > 200 for part in thirds)  # white letters on grey, below each
    assert len({part.tobytes() for part in thirds}) == 4


def test_an_export_never_replaces_its_checkpoint(trained, tmp_path):
    path = tmp_path / "model"
    shutil.copy(trained["checkpoint"], path)
    with pytest.raises(ExportError, match="is a checkpoint"):
        nn("cls", verbose=0).export(path, checkpoint=path)


def test_the_script_leaves_images_of_others_alone(trained, photo, tmp_path):
    sample = tmp_path / "pets_sample.png"
    Image.fromarray(trained["image"]).save(sample)
    before = sample.read_bytes()
    with pytest.warns(UserWarning, match=r"pets_sample.png: exists already and was not written by export"):
        trained["cnn"].convert(None, tmp_path / "pets.onnx")
    assert sample.read_bytes() == before
    sample.unlink()
    trained["cnn"].convert(None, tmp_path / "pets.onnx")
    sample.unlink()
    trained["cnn"].convert(None, tmp_path / "pets.onnx")
    trained["cnn"].convert(None, tmp_path / "pets.onnx")  # its own sample is replaced
    sample.write_bytes(photo.read_bytes())  # a JPEG by that name
    with pytest.warns(
        UserWarning,
        match=r"pets_sample.png: expected .* got an image \(JPEG\).*The ONNX file itself is written",
    ):
        trained["cnn"].convert(None, tmp_path / "pets.onnx")
    assert sample.read_bytes() == photo.read_bytes()


@pytest.mark.parametrize("taken", ["basenn.pth", "best.pth"])
def test_training_never_replaces_what_is_no_checkpoint(trained, tmp_path, taken, photo):
    shutil.copy(photo, tmp_path / taken)
    with pytest.raises((OutputError, TrainingError), match=rf"{taken}: expected .* got an image \(JPEG\)"):
        trained["cnn"].train(epochs=1, save_fold=tmp_path)
    assert (tmp_path / taken).read_bytes() == photo.read_bytes()


def without_permission(monkeypatch, function, names):
    """Let a function of `os` or `open` refuse paths that end so, as it does for anybody but root."""

    def refusing(path, *args, **options):
        if str(os.fsdecode(path) if isinstance(path, (bytes, os.PathLike)) else path).endswith(names):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return really(path, *args, **options)

    really = getattr(builtins if function == "open" else os, function)
    for module in (builtins, io) if function == "open" else (os,):
        monkeypatch.setattr(module, function, refusing)


@pytest.mark.parametrize("name", list(WRITERS))
def test_a_file_that_cannot_be_read_is_replaced_only_by_force(trained, tmp_path, monkeypatch, name):
    suffix, write = WRITERS[name]
    path = tmp_path / f"closed{suffix}"
    path.write_bytes(b"")
    with monkeypatch.context() as patch:
        without_permission(patch, "open", (path.name,))
        said = rf"closed\{suffix}: expected a file that may be replaced.* another name, or use force=True\."
        with pytest.raises(OutputError, match=said):
            write(trained, path)
    assert path.read_bytes() == b""
    with monkeypatch.context() as patch:
        without_permission(patch, "open", (path.name,))
        write(trained, path, force=True)
    assert path.read_bytes()


@pytest.mark.parametrize("name", ["basenn.pth", "best.pth", "basenn.csv"])
def test_training_replaces_no_file_that_cannot_be_read(trained, tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(b"")
    without_permission(monkeypatch, "open", (name,))
    said = rf"{name}: expected a file that may be replaced.* or use another filename or save_fold\."
    with pytest.raises(OutputError, match=said):
        trained["cnn"].train(epochs=1, save_fold=tmp_path)


@pytest.mark.parametrize("name", ["closed.py", "closed_sample.png"])
def test_an_export_leaves_files_beside_it_that_cannot_be_read(trained, tmp_path, monkeypatch, name):
    (tmp_path / name).write_bytes(b"")
    without_permission(monkeypatch, "open", (name,))
    with pytest.warns(UserWarning, match=rf"{name}: expected .* cannot be read.*is written"):
        trained["cnn"].convert(None, tmp_path / "closed.onnx")
    assert (tmp_path / "closed.onnx").is_file()


@pytest.mark.parametrize("name", list(WRITERS))
def test_a_folder_that_cannot_be_searched_is_one_error_with_the_wanted_file(
    trained, tmp_path, monkeypatch, name
):
    suffix, write = WRITERS[name]
    without_permission(monkeypatch, "stat", (f"wanted{suffix}",))
    without_permission(monkeypatch, "open", (".part",))
    with pytest.raises(OutputError, match=r"cannot write .*wanted"):
        write(trained, tmp_path / f"wanted{suffix}")
