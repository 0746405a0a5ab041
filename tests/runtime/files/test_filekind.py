"""Files of other kinds are named for what they are."""

from __future__ import annotations

import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.files.filekind import kind_of_bytes, kind_of_file

FILES = {
    "safetensors": (b"\x30\0\0\0\0\0\0\0{" + b" " * 60, "a safetensors file.*load_file"),
    "page": (b"  <!DOCTYPE HTML>\n<html>", "an HTML page"),
    "page of a byte order mark": (b"\xef\xbb\xbf<!doctype html>", "an HTML page"),
    "page2": (b"<html><head>", "an HTML page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS.*git lfs pull"),
    "annex": (b"../.git/annex/objects/SHA256E-s3\n", "git-annex.*git annex get"),
    "h5": (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file, such as Keras"),
    "png": (b"\x89PNG\r\n\x1a\n", r"an image \(PNG\)"),
    "tflite": (b"\x1c\0\0\0TFL3\0\0", "TensorFlow Lite"),
    "pickle": (b"\x80\x02}q\x00.", "a pickle"),
    "gzip": (b"\x1f\x8b\x08\0\0", r"archive \(gzip\)"),
    "text": (b"hello there\n", "a text file"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_kind_given_as_a_model(tmp_path, name):
    data, message = FILES[name]
    (tmp_path / "model.onnx").write_bytes(data)
    for source in (str(tmp_path / "model.onnx"), data):
        with pytest.raises(rt.InputError, match=f"expected an ONNX file, got .*{message}"):
            rt.load(source)
    assert kind_of_file(tmp_path / "model.onnx") == kind_of_bytes(data)


def test_what_is_not_known_is_not_guessed():
    assert kind_of_bytes(bytes(range(130, 255))).name == "a file of another format"
    assert kind_of_bytes(b"").name == "an empty file"
    assert kind_of_bytes("猫".encode() * 300).name == "a text file"
