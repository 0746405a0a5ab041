from __future__ import annotations

import contextlib
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime import InputError, load
from onnxnn_runtime.session.onnxfile import inspect
from support.paths import GOLDEN

WITH_BRANCHES = (GOLDEN / "models" / "external_inside.onnx").read_bytes()


def content(golden, name):
    return (golden / "models" / (name + ".onnx")).read_bytes()


def test_versions_and_metadata_are_read(golden):
    facts = inspect(content(golden, "image_classifier"))
    assert (facts.ir_version, facts.opset, facts.producer) == (7, {"": 13}, "golden")
    assert list(facts.metadata) == ["onnxnn"]
    assert facts.external == ()


@pytest.mark.parametrize("name", ["external", "external_inside"])
def test_a_file_that_points_to_another_is_refused(golden, name):
    assert inspect(content(golden, name)).external == ("../secret.bin",)
    with pytest.raises(InputError, match=r"another one \('\.\./secret\.bin'\), which is never opened"):
        load(content(golden, name))


def test_every_truncation_is_refused(golden):
    whole = content(golden, "image_classifier")
    without_card = whole[: whole.rindex(b"onnxnn", 0, whole.index(b'{"input"')) - 5]
    assert load(without_card, device="cpu").card is None  # a whole file, as far as ONNX goes
    for size in range(len(whole)):
        if size != len(without_card):
            with pytest.raises(
                InputError, match=r"complete ONNX file|expected an ONNX file|cannot load it|got an empty file"
            ):
                load(whole[:size], device="cpu")


def test_a_checkpoint_is_known_as_one(tmp_path):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    (tmp_path / "my net.pth").write_bytes(written.getvalue())
    for each in (written.getvalue(), tmp_path / "my net.pth"):
        with pytest.raises(InputError, match=r"got a torch file\. .*`onnxnn export CKPT -o FILE\.onnx`"):
            load(each, device="cpu")
    with pytest.raises(InputError, match="expected an ONNX file, got a zip file that is cut short"):
        load(b"PK\x03\x04 and more", device="cpu")


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(data):
    with pytest.raises(InputError, match="ONNX"):
        load(data, device="cpu")


@given(st.integers(0, len(WITH_BRANCHES) - 1), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(place, byte):
    data = bytearray(WITH_BRANCHES)
    data[place] = byte
    with contextlib.suppress(InputError):
        assert inspect(bytes(data)).ir_version > 0


def test_weights_in_other_files_are_found_in_every_place_of_a_file():
    from onnxnn_runtime.session.graph_check import check_graph

    def field(number, content):
        key = number << 3 | 2
        keys = [key] if key < 128 else [key & 127 | 128, key >> 7]
        return bytes([*keys, len(content)]) + content

    elsewhere = field(13, field(1, b"location") + field(2, b"w.bin"))
    tensor = field(8, b"w") + elsewhere
    node = field(4, b"Constant") + field(5, field(1, b"value") + field(5, tensor))
    places = {
        "weights": field(7, field(5, tensor)),
        "a constant": field(7, field(1, node)),
        "a branch": field(7, field(1, field(4, b"If") + field(5, field(6, field(5, tensor))))),
        "a sparse tensor": field(7, field(15, field(1, tensor))),
        "a function": field(25, field(7, node)),
        "training": field(20, field(1, field(5, tensor))),
        "nowhere": field(7, field(5, field(8, b"w"))),
    }
    found = [name for name, model in places.items() if check_graph(memoryview(model))[1]]
    assert found == list(places)[:-1]


@pytest.mark.parametrize(
    ("start", "size", "expected"),
    [
        (
            b"\x08\x07\x12\x06golden",
            2**31,
            "expected less than 2 GiB, as ONNX files in one piece have, got 2.0 GiB",
        ),
        (b"\0", 2**31, "got 2.0 GiB"),
        (b"\x89PNG\r\n\x1a\n", 2**31, r"expected an ONNX file, got an image \(PNG\)"),
        (b"PK\x03\x04", 2**21, "a zip file that is cut short or damaged"),
        (b"\x89PNG\r\n\x1a\n", 2**21, r"expected an ONNX file, got an image \(PNG\)"),
    ],
)
def test_a_large_file_of_another_kind_is_not_read(tmp_path, start, size, expected):
    path = tmp_path / "a.onnx"
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    with pytest.raises(InputError, match=expected):
        load(path)
