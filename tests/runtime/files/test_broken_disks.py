"""A disk or a network that fails while a file is read ends in one error of ours that names the file."""

from __future__ import annotations

import builtins
import errno
import io
import re

import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.files.access import cannot_read


class Broken(io.RawIOBase):
    """A file that can be opened, and of which nothing can be read."""

    name = "broken"

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        return 0 if whence != 2 else 5000

    def fileno(self):
        return self._real.fileno()

    def readinto(self, _):
        raise OSError(errno.EIO, "Input/output error")

    def close(self):
        self._real.close()
        super().close()


@pytest.fixture
def breaks(monkeypatch):
    """Let every file of some names break when it is read."""
    really = io.open

    def opening(file, mode="r", *args, **options):
        opened = really(file, mode, *args, **options)
        if not str(file).startswith(str(breaking)) or "b" not in mode:
            return opened
        broken = Broken()
        broken._real = opened
        return io.BufferedReader(broken)

    breaking = "?"

    def start(path):
        nonlocal breaking
        breaking = path
        for module in (builtins, io):
            monkeypatch.setattr(module, "open", opening)

    return start


@pytest.mark.parametrize("name", ["a.png", "a.csv", "a.npz", "a.npy"])
@pytest.mark.parametrize("model", ["image_classifier", "table"])
def test_inputs(open_model, tmp_path, breaks, name, model):
    opened = open_model(model)
    (tmp_path / name).write_bytes(b"1,2\n")
    breaks(tmp_path)
    with pytest.raises(rt.InputError, match=rf"{name}: .*Input/output error"):
        opened.predict(tmp_path / name)
    with pytest.warns(UserWarning, match="1 input was left out"):
        assert opened.predict([tmp_path / name], errors="skip") == []


def test_models(tmp_path, breaks):
    (tmp_path / "a.onnx").write_bytes(bytes(10))
    breaks(tmp_path)
    with pytest.raises(rt.InputError, match=r"a.onnx: this file cannot be read \(Input/output error\)"):
        rt.load(tmp_path / "a.onnx")


@pytest.mark.needs_torch
def test_files_of_training(tmp_path, breaks):
    from onnxnn import nn
    from onnxnn.recipe import read_recipe

    for name in ("a.pth", "a.csv", "a.npz", "a.yaml"):
        (tmp_path / name).write_bytes(b"1,2\n")
    breaks(tmp_path)
    what = "Input/output error"
    for name, read in {
        "a.pth": nn(verbose=0).load,
        "a.csv": nn(verbose=0).load_tab_data,
        "a.npz": nn(verbose=0).load_npz_data,
        "a.yaml": read_recipe,
    }.items():
        with pytest.raises(rt.OnnxnnError, match=rf"{name}: .*({what}|is no .npz file)"):
            read(tmp_path / name)


@pytest.mark.parametrize("error", [rt.InputError, rt.errors.CheckpointError, rt.errors.OutputError])
@pytest.mark.parametrize(
    "found",
    [
        FileNotFoundError(errno.ENOENT, "No such file or directory"),
        NotADirectoryError(errno.ENOTDIR, "Not a directory"),
        PermissionError(errno.EACCES, "Permission denied"),
        OSError(errno.ENAMETOOLONG, "File name too long"),
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ELOOP, "Too many levels of symbolic links"),
        UnicodeEncodeError("utf-8", "\udc80", 0, 1, "surrogates not allowed"),
        ValueError("embedded null byte"),
    ],
    ids=lambda found: type(found).__name__ + str(getattr(found, "errno", "")),
)
def test_every_reason_says_what_to_do(found, error):
    text = cannot_read("a.png", found, "image", error).text
    assert re.match(r"^(a\.png|'a\.png'|a\.png\.\.\.): .+\. [A-Z][a-z]+ .+\.$", text), text


def test_advice_stands_in_place_of_checking_the_path():
    found = FileNotFoundError(errno.ENOENT, "No such file or directory")
    assert cannot_read("a.png", found).text == "a.png: no such file. Check the path."
    assert cannot_read("a.png", found, advice="Build it.").text == "a.png: no such file. Build it."
