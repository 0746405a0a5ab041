"""Model repositories of Triton: their config follows its published schema, and says what the file says."""

from __future__ import annotations

import os

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.triton import TYPES, config_text, write_triton
from support import models
from support.paths import GOLDEN
from support.posix import posix

NAMES = sorted(
    path.stem
    for path in (GOLDEN / "models").glob("*.onnx")
    if path.stem not in ("external", "external_inside", "too_new")  # those do not open
)


def parsed(text):
    """Read a config with the schema that Triton's client publishes."""
    text_format = pytest.importorskip("google.protobuf.text_format", reason="needs protobuf")
    schema = pytest.importorskip(
        "tritonclient.grpc.model_config_pb2",
        reason='needs Triton\'s schema: pip install "tritonclient[grpc]"',
    )
    return text_format.Parse(text, schema.ModelConfig()), schema


def whole_shape(tensor, batched):
    """Return the shape that a graph has, from what Triton's config says of a tensor."""
    sizes = list(tensor.reshape.shape if tensor.HasField("reshape") else tensor.dims)
    return ([-1] if batched else []) + sizes


@pytest.mark.parametrize("name", NAMES)
def test_the_config_says_what_the_file_says(name, golden, tmp_path):
    path = golden / "models" / (name + ".onnx")
    folder = write_triton(path, tmp_path / "models", max_batch=16)
    config, schema = parsed((folder / "config.pbtxt").read_text(encoding="utf-8"))
    model = rt.load(path, device="cpu")
    assert (folder.name, config.name, config.backend, config.platform) == (
        name,
        name,
        "onnxruntime",
        "onnxruntime_onnx",
    )
    batched = config.max_batch_size == 16
    assert batched == config.HasField("dynamic_batching")
    for tensors, values in ((config.input, model.inputs), (config.output, model.outputs)):
        assert [tensor.name for tensor in tensors] == list(values)
        for tensor, (dtype, shape) in zip(tensors, values.values()):
            assert schema.DataType.Name(tensor.data_type) == TYPES[dtype]
            assert len(tensor.dims) > 0
            assert whole_shape(tensor, batched) == [size if isinstance(size, int) else -1 for size in shape]
    assert (folder / "1" / "model.onnx").read_bytes() == path.read_bytes()


def test_what_triton_batches(open_model):
    batched = {
        name: "dynamic_batching" in config_text(open_model(name, device="cpu"), name) for name in NAMES
    }
    assert {name for name in NAMES if not batched[name]} == {"text"}  # its states are (layers, batch, hidden)


def test_a_fixed_batch_is_not_batched(tmp_path):
    made = models.graph(
        [models.node("Relu", ["input"], ["output"])],
        [models.value("input", [1, 2])],
        [models.value("output", [1, 2])],
    )
    (tmp_path / "a.onnx").write_bytes(models.model(made))
    text = (write_triton(tmp_path / "a.onnx", tmp_path) / "config.pbtxt").read_text(encoding="utf-8")
    assert "max_batch_size: 0\n" in text
    assert "dims: [ 1, 2 ]" in text
    assert "dynamic_batching" not in text


def test_rows_that_are_no_batch_are_not_batched(tmp_path):
    """A detector finds as many boxes as there are, whatever the batch."""
    made = models.graph(
        [models.node("Relu", ["input"], ["output"])],
        [models.value("input", ["batch", 2])],
        [models.value("output", ["boxes", 2])],
    )
    (tmp_path / "a.onnx").write_bytes(models.model(made))
    text = (write_triton(tmp_path / "a.onnx", tmp_path) / "config.pbtxt").read_text(encoding="utf-8")
    assert "max_batch_size: 0\n" in text
    assert text.count("dims: [ -1, 2 ]") == 2


@pytest.mark.parametrize("name", ["..onnx", "...onnx", ".hidden.onnx", ".onnx"])
def test_names_that_begin_with_a_dot_are_refused(golden, tmp_path, name):
    (tmp_path / "models").mkdir()
    for folder in (tmp_path, tmp_path / "models"):  # which ".." and "." would name
        (folder / "config.pbtxt").write_text("mine", encoding="utf-8")
    (tmp_path / name).write_bytes((golden / "models" / "table.onnx").read_bytes())
    before = sorted(map(str, tmp_path.rglob("*")))
    with pytest.raises(rt.OutputError, match="expected a name that does not begin with a dot"):
        write_triton(tmp_path / name, tmp_path / "models", force=True)
    assert sorted(map(str, tmp_path.rglob("*"))) == before


@posix
def test_a_link_to_a_model_is_replaced_and_the_model_stays(golden, tmp_path):
    path = golden / "models" / "table.onnx"
    write_triton(path, tmp_path / "other")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "table").symlink_to(tmp_path / "other" / "table")
    assert not write_triton(path, tmp_path / "models", force=True).is_symlink()
    assert [each.name for each in (tmp_path / "models").iterdir()] == ["table"]
    assert (tmp_path / "other" / "table" / "config.pbtxt").is_file()


def test_class_names(golden, tmp_path):
    folder = write_triton(golden / "models" / "image_classifier.onnx", tmp_path)
    assert (folder / "labels.txt").read_text(encoding="utf-8") == "red\n绿\n"
    config, _ = parsed((folder / "config.pbtxt").read_text(encoding="utf-8"))
    assert [tensor.label_filename for tensor in config.output] == ["labels.txt", ""]
    folder = write_triton(golden / "models" / "binary.onnx", tmp_path)  # one score of two classes
    assert sorted(path.name for path in folder.iterdir()) == ["1", "config.pbtxt"]


def test_names_are_quoted(open_model):
    name = 'a "b" \\ 猫\n'
    config, _ = parsed(config_text(open_model("table", device="cpu"), name))
    assert config.name == name


@pytest.mark.parametrize(
    ("value", "got"),
    [(models.value("output", []), r"\(\)"), (models.value("output", [2], kind="sequence"), r"seq\(")],
)
def test_what_triton_does_not_have_is_refused(tmp_path, value, got):
    nodes = {
        r"\(\)": models.node("ReduceMax", ["input"], ["output"], keepdims=0),
        r"seq\(": models.node("SequenceConstruct", ["input"], ["output"]),
    }
    made = models.graph([nodes[got]], [models.value("input", ["batch", 2])], [value])
    (tmp_path / "a.onnx").write_bytes(models.model(made))
    with pytest.raises(rt.ExportError, match=f"expected tensors with declared axes.*'output' as {got}"):
        write_triton(tmp_path / "a.onnx", tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_model_is_replaced_with_force_alone(golden, tmp_path):
    path = golden / "models" / "table.onnx"
    folder = write_triton(path, tmp_path)
    (folder / "config.pbtxt").write_text("mine", encoding="utf-8")
    with pytest.raises(rt.OutputError, match="expected a new name"):
        write_triton(path, tmp_path)
    assert (folder / "config.pbtxt").read_text(encoding="utf-8") == "mine"
    write_triton(path, tmp_path, force=True)
    assert (folder / "config.pbtxt").read_text(encoding="utf-8").startswith('name: "table"')
    assert [each.name for each in tmp_path.iterdir()] == ["table"]
    (folder / "config.pbtxt").unlink()
    with pytest.raises(rt.OutputError, match="expected a new name"):
        write_triton(path, tmp_path, force=True)  # a folder of something else


@pytest.mark.parametrize("other", ["2/model.onnx", "0/model.onnx", "warmup/x", "readme.md"])
def test_other_versions_and_files_are_never_lost(golden, tmp_path, other):
    path = golden / "models" / "table.onnx"
    folder = write_triton(path, tmp_path)
    (folder / other).parent.mkdir(exist_ok=True)
    (folder / other).write_bytes(b"mine")
    before = {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    with pytest.raises(rt.OutputError, match=f"also has {other.split('/')[0]}, which would be lost"):
        write_triton(path, tmp_path, force=True)
    assert {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()} == before


@pytest.mark.parametrize("force", [False, True])
def test_it_is_written_whole_or_not_at_all(golden, tmp_path, monkeypatch, force):
    path = golden / "models" / "table.onnx"
    if force:
        write_triton(path, tmp_path)
    before = sorted(map(str, tmp_path.rglob("*")))
    rename = os.rename

    def fail(source, target):
        if str(source).endswith(".part"):
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr("onnxnn_runtime.triton.os.rename", fail)
    with pytest.raises(rt.OutputError, match="cannot write"):
        write_triton(path, tmp_path, force=force)
    assert sorted(map(str, tmp_path.rglob("*"))) == before


@posix
def test_a_folder_that_cannot_be_written(golden, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(rt.OutputError, match="cannot write"):
        write_triton(golden / "models" / "table.onnx", tmp_path / "file")


@posix
@pytest.mark.parametrize("name", ["\ud800", "x" * 300])
def test_a_name_that_no_folder_can_have_is_refused(golden, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(rt.OutputError, match=r"255 bytes|no file system"):
        write_triton(golden / "models" / "table.onnx", name)
    assert list(tmp_path.iterdir()) == []


def test_wrong_options(golden, tmp_path):
    with pytest.raises(rt.InputError, match="max_batch"):
        write_triton(golden / "models" / "table.onnx", tmp_path, max_batch=0)
    (tmp_path / "a.onnx").write_bytes(np.random.RandomState(0).bytes(99))
    with pytest.raises(rt.InputError, match="expected a complete ONNX file"):
        write_triton(tmp_path / "a.onnx", tmp_path / "models")
