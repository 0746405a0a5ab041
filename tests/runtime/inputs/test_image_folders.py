"""Folders of images: links, loops, permissions, and what is no regular file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.images.formats import IMAGE_SUFFIXES
from onnxnn_runtime.inputs.folders import find_images
from onnxnn_runtime.inputs.given import matching
from PIL import Image
from support.posix import posix, socket_at


@pytest.fixture
def model(open_model):
    return open_model("image_any_size")


@posix
def test_links_are_followed_and_loops_end(model, files, tmp_path):
    store, view = tmp_path / "store", tmp_path / "view"
    (store / "a").mkdir(parents=True)
    view.mkdir()
    files[0].rename(store / "a" / "0.png")
    os.symlink(str(store / "a"), str(view / "a"))
    os.symlink(str(files[1]), str(view / "one.png"))
    os.symlink(str(view), str(view / "loop"))
    os.symlink(str(view / "itself"), str(view / "itself"))
    os.symlink(str(tmp_path / "gone"), str(view / "gone.png"))
    found = model.embed_named(view)
    assert [Path(name).relative_to(view).as_posix() for name in found.names] == ["a/0.png", "one.png"]
    assert {Path(each.name).name for each in found.skipped} == {"loop", "itself", "gone.png"}
    assert next(each.reason for each in found.skipped if each.name.endswith("gone.png")).startswith(
        "is a link"
    )


@posix
def test_links_that_double_at_every_level_end(tmp_path):
    for level in range(20):
        (tmp_path / str(level)).mkdir()
        for name in "ab":
            os.symlink(str(tmp_path / str(level + 1)), str(tmp_path / str(level) / name))
    (tmp_path / "19" / "a.png").write_bytes(b"x")
    images, _ = find_images(tmp_path)
    assert 1 <= len(images) <= 8


@posix
def test_a_folder_deeper_than_the_stack(tmp_path):
    here = os.getcwd()
    os.chdir(str(tmp_path))
    try:
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
        Image.new("RGB", (2, 2)).save("a.png")
        os.chdir(here)
        images, skipped = find_images(tmp_path)
        assert (len(images), skipped) == (1, [])
        with pytest.raises(rt.InputError, match="too deep in each other for this pattern"):
            matching(str(tmp_path / "**" / "*.png"))
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-r", str(tmp_path / "d")], check=True)  # Python cannot remove it


@posix
@pytest.mark.parametrize("name", ["pipe.png", "socket.png", "device.png"])
@pytest.mark.parametrize("kind", ["image_any_size", "table", "sequence"])
def test_what_is_no_regular_file_is_never_opened(open_model, files, name, kind):
    folder = files[0].parent
    path = folder / name
    if name == "pipe.png":
        os.mkfifo(str(path))
    elif name == "socket.png":
        with socket_at(path):
            assert path.exists()
    else:
        os.symlink("/dev/zero", str(path))
    model = open_model(kind)
    with pytest.raises(rt.InputError, match="not a regular file"):
        model.predict(path)
    if kind == "image_any_size":
        found = model.embed_named(folder)
        assert (len(found.names), found.skipped) == (3, [(str(path), "is not a regular file")])


@posix
def test_without_permission(public_folder):
    """As another user: the administrator may read everything."""
    (public_folder / "closed").mkdir(mode=0)
    (public_folder / "1.png").touch(mode=0)
    script = (
        "import os, sys; sys.dont_write_bytecode = True\n"
        "import onnxnn_runtime as rt\n"
        "from onnxnn_runtime.inputs.folders import find_images\n"
        "from onnxnn_runtime.images.decode import decode\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "os.chdir(sys.argv[1])\n"
        "print(find_images('.')[1])\n"
        "for call in (lambda: decode('1.png'), lambda: find_images('closed')):\n"
        "    try: call()\n"
        "    except rt.InputError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(public_folder)], capture_output=True, text=True, cwd=os.getcwd()
    )
    (public_folder / "closed").chmod(0o755)
    listed, image, folder = done.stdout.splitlines() or pytest.fail(done.stderr)
    assert "closed" in listed
    assert "no permission to read this folder" in listed
    assert image.startswith("1.png: no permission to read this file")
    assert folder.startswith("closed: no permission to read this folder")


def test_suffixes_are_those_of_images():
    assert {".png", ".jpg", ".webp"} <= IMAGE_SUFFIXES
