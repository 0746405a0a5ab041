"""Files of arrays: what is refused before anything is unpacked."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np
import pytest
from onnxnn_runtime import InputError, MissingInputError
from onnxnn_runtime.inputs.npz import MOST_NAMES, check_numpy_file, read_arrays

NAMES = ("data", "label")


def test_arrays_are_read(tmp_path):
    path = tmp_path / "rows.npz"
    for save in (np.savez, np.savez_compressed):
        save(path, data=np.eye(3), label=[0, 1, 2], other=np.zeros(2))
        found = read_arrays(path, NAMES, InputError)
        assert np.array_equal(found["data"], np.eye(3))
        assert found["other"] is None
        check_numpy_file(path, "rows", InputError)


def header(shape, dtype="<f4"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": dtype})
    return file.getvalue()


def write(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def bomb(path):
    return write(
        path, data=header((10_000_000, 8)) + bytes(320_000_000), label=header((1,), "<i8") + bytes(8)
    )


def many(path):
    return write(path, **{f"x{i}": header((0,)) for i in range(MOST_NAMES + 1)})


def announced(path):
    return write(path, data=header((10**12, 10**6)), label=header((1,), "<i8") + bytes(8))


def announced_nothing(path):
    return write(path, data=header((10**12,), "<U0"), label=header((1,), "<i8") + bytes(8))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (bomb, r"bytes that unpack to at most .*, got 320,\d+,\d+"),
        (many, "expected at most 1,000 arrays in a file, got 1,001"),
        (announced, "announces 1,000,000,000,000,000,000 numbers, got"),
        (announced_nothing, "announces 1,000,000,000,000 numbers, got"),
    ],
)
def test_a_file_of_far_more_than_it_holds_is_refused(tmp_path, make, message):
    path = make(tmp_path / "hostile.npz")
    with pytest.raises(InputError, match=message):
        read_arrays(path, NAMES, InputError)
    with pytest.raises((InputError, ValueError), match=message):
        check_numpy_file(path, "hostile", InputError)


def test_a_single_array_that_announces_more(tmp_path):
    (tmp_path / "a.npy").write_bytes(header((10**12,)) + bytes(8))
    with pytest.raises(ValueError, match=r"announces 1,000,000,000,000 numbers, got \d+ bytes"):
        check_numpy_file(tmp_path / "a.npy", "a", InputError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(InputError, match="a named pipe"):
        read_arrays(tmp_path / "pipe.npz", NAMES, InputError)
    with pytest.raises(InputError, match="a device"):
        read_arrays("/dev/zero", NAMES, InputError)
    with pytest.raises(MissingInputError, match=r"no such \.npz file"):
        read_arrays(tmp_path / "none.npz", NAMES, InputError)


def test_other_files_are_named_for_what_they_are(tmp_path):
    (tmp_path / "page.npz").write_bytes(b"<!doctype html><html>404</html>")
    with pytest.raises(InputError, match="it is an HTML page"):
        read_arrays(tmp_path / "page.npz", NAMES, InputError)


@pytest.mark.parametrize("name", ["data", "label", "words", "classes"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_texts_of_codes_that_are_no_characters(tmp_path, open_model, name, order):
    texts = np.full((4, 2), 0x7FFFFFFF, np.dtype("u4").newbyteorder(order)).view(order + "U2").reshape(4)
    np.savez(str(tmp_path / "a.npz"), **{name: texts})
    np.save(str(tmp_path / "a.npy"), texts)
    with pytest.raises(InputError, match=f"a.npz: {name!r} cannot be read .*got the code 0x"):
        read_arrays(str(tmp_path / "a.npz"), None, InputError)
    for model in ("table", "image_classifier"):
        for end in ("npz", "npy"):
            with pytest.raises(InputError, match=r"cannot be read as a NumPy file .*got the code 0x"):
                open_model(model).predict(tmp_path / f"a.{end}")


def test_records_of_codes_that_are_no_characters(tmp_path, open_model):
    records = np.full((4, 3), 0x7FFFFFFF, np.uint32).view([("a", "U2"), ("b", np.float32)]).reshape(4)
    np.savez(str(tmp_path / "a.npz"), data=records)
    np.save(str(tmp_path / "a.npy"), records)
    with pytest.raises(InputError, match=r"a.npz: 'data' cannot be read .*got the code 0x"):
        read_arrays(str(tmp_path / "a.npz"), None, InputError)
    for end in ("npz", "npy"):
        with pytest.raises(InputError, match=r"cannot be read as a NumPy file .*got the code 0x"):
            open_model("table").predict(tmp_path / f"a.{end}")
