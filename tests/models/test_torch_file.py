"""Files of tensors: what is read, and that hostile ones are refused at once, without running anything."""

from __future__ import annotations

import io
import time
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch
from support.torch_files import Call, Raw, deep, torch_zip

from onnxnn.models.torch_file import NotTensors, read_torch_file

TENSOR = torch.arange(6.0).reshape(2, 3)


def saved(content, **options):
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def test_what_torch_saves_is_read(tmp_path):
    content = OrderedDict(
        a=TENSOR, b=torch.nn.Parameter(TENSOR[0]), c=[1, 2.5, "text", None, (True, {3: b"x"})]
    )
    for data in (saved(content), torch_zip(dict(content, b=TENSOR[0]))):
        found = read_torch_file(data)
        assert torch.equal(found["a"], TENSOR)
        assert torch.equal(found["b"], TENSOR[0])
        assert found["c"] == [1, 2.5, "text", None, (True, {3: b"x"})]
    (tmp_path / "file.pth").write_bytes(saved(content))
    assert torch.equal(read_torch_file(tmp_path / "file.pth")["a"], TENSOR)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int8, torch.bool, torch.float64])
def test_types_of_numbers(dtype):
    assert torch.equal(read_torch_file(saved({"a": TENSOR.to(dtype)}))["a"], TENSOR.to(dtype))


def test_files_of_torch_before_1_6_are_read_where_asked_for():
    data = saved({"a": TENSOR, "b": TENSOR[0]}, _use_new_zipfile_serialization=False)
    assert torch.equal(read_torch_file(data, legacy=True)["a"], TENSOR)
    with pytest.raises(NotTensors, match="a torch file of the form before torch 1"):
        read_torch_file(data)


def test_an_ordered_dict_as_python_2_writes_it():
    pairs = Call("collections OrderedDict", ([["a", TENSOR], ["b", 2]],), {"_metadata": {"": 1}})
    found = read_torch_file(torch_zip({"state": pairs}))["state"]
    assert torch.equal(found.pop("a"), TENSOR)
    assert found == {"b": 2}


def test_values_of_several_types_that_torch_writes():
    again = torch.nn.Parameter(TENSOR[0])
    content = {
        "size": torch.Size((2, 3)),
        "type": torch.float16,
        "device": torch.device("cpu"),
        "bytes": b"\xff",
    }
    content.update(
        count=Counter("aab"), again=[again, again], pairs=[(each, (each,)) for each in range(3000)]
    )
    found = read_torch_file(saved(content))
    assert [torch.equal(each, TENSOR[0]) for each in found.pop("again")] == [True, True]
    del content["again"]
    assert found == {**content, "type": "torch.float16", "device": "cpu"}


def expanded():
    return Call(
        "torch._utils _rebuild_tensor_v2",
        (
            Raw(b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ"),
            0,
            (100_000, 100_000, 100),
            (0, 0, 0),
            False,
            Call("collections OrderedDict", ()),
        ),
    )


def doubling(levels):
    value = [1]
    for _ in range(levels):
        value = [value, value]
    return value


NUMBERED = b"".join(b"M" + number.to_bytes(2, "little") + b"K\x00" for number in range(4000))
"""4000 names and values of a dict."""

A_TUPLE = "expected names that are texts or integers, got tuple"

HOSTILE = {
    "deep lists": ({"a": deep(1500)}, "deep inside each other"),
    "deep tuples": ({"a": deep(1500, b")", b"\x85")}, "deep inside each other"),
    "a deep tuple as a key": (
        Raw(b"}" + deep(200_000, b")", b"\x85").steps + b"Ns"),
        A_TUPLE,
    ),
    "a list that holds itself": (Raw(b"]q\x00h\x00a"), "deep inside each other"),
    "lists that double": (doubling(28), "more than 1,000,000 values"),
    "a program of many steps": (Raw(b"]" + b"Na" * 600_000), "more than 1,000,000 names"),
    "much text": ({"a": "x" * (1 << 24)}, "more than 16 MB"),
    "a huge integer": ({"a": 10**5000}, "numbers of at most 64 bits, got an integer of about 5,0.. digits"),
    "a tensor that repeats itself": ({"b": TENSOR, "a": expanded()}, "repeat their numbers"),
    "room for much": ({"a": Call("builtins bytearray", (10**12,))}, "could run any program"),
    "a program": ({"a": Call("os system", ("true",))}, "could run any program.*It names os.system"),
    "steps that build objects": (Raw(b"(ios\nsystem\n"), "could run any program"),
    "a memo of gigabytes": ({"a": Raw(b"}r\xff\xff\xff\x7f")}, None),
    "an attribute in place of a method": (
        {"a": Call("collections OrderedDict", (), {"items": 1, "get": 2})},
        None,
    ),
    "many tuples as names": (Raw(b"}(" + b"K\x01K\x02\x86K\x00" * 1001 + b"u"), A_TUPLE),
    "tuple after tuple as a name": (Raw(b"}" + b"K\x01K\x02\x86K\x00s" * 1001), A_TUPLE),
    "tuples as names of a dict": (Raw(b"(" + b"K\x01K\x02\x86K\x00" * 1001 + b"d"), A_TUPLE),
    "sizes as names": (Raw(b"}(" + b"ctorch\nSize\n(K\x01K\x02t\x85RK\x00" * 1001 + b"u"), A_TUPLE),
    "tuples in pairs": (
        Raw(b"ccollections\nOrderedDict\n(](" + b"(K\x01K\x02\x86K\x00t" * 1001 + b"etR"),
        A_TUPLE,
    ),
    "tuples in lists of two": (
        Raw(b"ccollections\nOrderedDict\n(](" + b"](K\x01K\x02\x86K\x00e" * 1001 + b"etR"),
        A_TUPLE,
    ),
    "tuples that are hashed again": (
        Raw(b"](ccollections\nCounter\nq\x02](" + b"K\x01K\x02\x86" * 600 + b"e\x85Rq\x03h\x02h\x03\x85Re"),
        "damaged",
    ),
    "a state of tuples": (
        Raw(b"ccollections\nOrderedDict\n)R}(" + b"K\x01K\x02\x86K\x00" * 600 + b"uq\x02b" + b"h\x02b"),
        A_TUPLE,
    ),
    "tuples to count": (Raw(b"ccollections\nCounter\n(](" + b"K\x01K\x02\x86" * 1001 + b"etR"), "damaged"),
    **{
        f"calls of {name.split()[1]} that read one thing again": (
            Raw(
                b"](c" + "\n".join(name.split()).encode() + b"\nq\x02" + thing + b"q\x03\x85R"
                b"" + b"h\x02h\x03\x85R" * 400 + b"e"
            ),
            "damaged",
        )
        for name, thing in {
            "collections Counter": b"](" + b"K\x01" * 4000 + b"e",
            "collections OrderedDict": b"}(" + NUMBERED + b"u",
            "torch Size": b"(" + b"K\x01" * 4000 + b"t",
            "_codecs encode": b"X\xa0\x0f\0\0" + b"a" * 4000,
        }.items()
    },
    "a state that is read again": (
        Raw(b"ccollections\nOrderedDict\n)R}(" + NUMBERED + b"uq\x02b" + b"h\x02b" * 400),
        "damaged",
    ),
    "tensors as names": (Raw(b"}(K\x01K\x02(K\x03K\x04tK\x05u"), "expected names that are texts or integers"),
    "a storage whose name takes long to hash": (
        Raw(
            b"(X\x07\0\0\0storagectorch\nFloatStorage\n)" + b"q\x00h\x00\x86" * 30 + b"X\x03\0\0\0cpuK\x06tQ"
        ),
        "damaged",
    ),
    "a name that takes long to hash": (Raw(b"})" + b"q\x00h\x00\x86" * 30 + b"Ns"), A_TUPLE),
    "a text that takes long to encode": (
        {"a": Call("_codecs encode", ("".join(map(chr, range(256, 4000))), "punycode"))},
        "damaged",
    ),
    "a storage without a file": ({"a": Call("torch.storage UntypedStorage", (2**40,))}, "damaged"),
    "a set": ({"a": Call("builtins set", ([1],))}, "could run any program"),
    "sparse tensors": ({"a": Call("torch._utils _rebuild_sparse_tensor", ())}, "could run any program"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_content_is_refused_at_once(name):
    content, message = HOSTILE[name]
    data, start = torch_zip(content), time.process_time()
    if message is None:
        assert read_torch_file(data) == {"a": {}}
    else:
        with pytest.raises(NotTensors, match=message) as error:
            read_torch_file(data)
        assert len(str(error.value)) < 400
    assert time.process_time() - start < 8


def with_entries(data, **changes):
    """Return a torch file with some entries replaced (or added), under its folder's name."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for entry in old.infolist():
            name = entry.filename.partition("/")[2]
            new.writestr(entry.filename, changes.pop(name, old.read(entry)))
        for name, content in changes.items():
            new.writestr(f"archive/{name}", content)
    return file.getvalue()


def test_a_file_that_unpacks_to_far_more_is_refused():
    data = torch_zip({"a": torch.zeros(20_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(data) < 100_000
    with pytest.raises(NotTensors, match=r"at most 6\d,\d+,\d+ bytes unpacked, got 80,000,\d+ from"):
        read_torch_file(data)
    assert torch.equal(read_torch_file(torch_zip({"a": TENSOR}, zipfile.ZIP_DEFLATED))["a"], TENSOR)


def test_entries_that_two_readers_could_read_in_two_ways():
    data = torch_zip({"a": TENSOR})
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("archive/data.pkl", b"\x80\x02N.")
    with pytest.raises(NotTensors, match="damaged: its list of entries"):
        read_torch_file(file.getvalue())
    with pytest.raises(NotTensors, match="damaged: its list of entries"):
        read_torch_file(with_entries(data, **{"DATA.pkl": b"\x80\x02N."}))


def test_a_storage_that_is_shorter_than_it_says():
    with pytest.raises(NotTensors):
        read_torch_file(with_entries(torch_zip({"a": TENSOR}), **{"data/0": b"\0" * 8}))


def npz():
    file = io.BytesIO()
    np.savez(file, data=np.zeros(3))
    return file.getvalue()


def script():
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), file)
    return file.getvalue()


def safetensors():
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return len(header).to_bytes(8, "little") + header + b"\0" * 4


FOREIGN = {
    "safetensors": (safetensors, "a safetensors file.*load_file"),
    "page": (lambda: b"\n<!DOCTYPE html>\n<html><body>404</body></html>", "an HTML page.*download the file"),
    "lfs": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n",
        "Git LFS.*git lfs pull",
    ),
    "annex": (lambda: b"/annex/objects/SHA256E-s3--1.pth\n", "git-annex.*git annex get"),
    "onnx": (lambda: b"\x08\x07\x12\x06onnxnn:\x00", "an ONNX file.*onnxnn_runtime.load"),
    "keras": (lambda: b"\x89HDF\r\n\x1a\n" + b"\0" * 40, "an HDF5 file, such as Keras.*tf2onnx"),
    "npz": (npz, "NumPy file of arrays.*load_npz_data"),
    "gzip": (lambda: b"\x1f\x8b\x08\0\0", r"archive \(gzip\). Unpack"),
    "image": (lambda: b"\xff\xd8\xff\xe0abc", r"an image \(JPEG\)"),
    "text": (lambda: b"not a model\n", "a text file"),
    "empty": (lambda: b"", "the file is empty"),
    "unknown": (lambda: bytes(range(200, 256)), "a file of another format"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_files_are_named_for_what_they_are(name, tmp_path):
    make, message = FOREIGN[name]
    (tmp_path / "file.pth").write_bytes(make())
    for source in (make(), tmp_path / "file.pth"):
        with pytest.raises(NotTensors, match=message):
            read_torch_file(source, legacy=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_named():
    with pytest.raises(NotTensors, match=r"a TorchScript file.*torch\.jit\.load"):
        read_torch_file(script())
