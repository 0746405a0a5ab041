"""The checkpoint: what it holds, what is refused, and what a crash leaves."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle  # noqa: TID251  # foreign files are made with it, never read
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.errors import CheckpointError, ExportError, OutputError

from onnxnn import nn, pth_info
from onnxnn.checkpoint import checkpoint


@pytest.fixture
def model(tmp_path):
    model = nn("cls", save_fold=str(tmp_path / "ckpt"), verbose=0)
    model.set_seed(0)
    x = np.random.default_rng(0).standard_normal((12, 4)).astype(np.float32)
    model.load_dataset(x, np.arange(12) % 3, classes=["a", "b", "c"])
    model.add("linear", size=(4, 5), activation="relu")
    model.add("linear", size=(5, 3), activation="softmax")
    return model


@pytest.fixture
def path(model, tmp_path):
    model.train(lr=0.01, epochs=2)
    return tmp_path / "ckpt" / "basenn.pth"


def test_torch_opens_it_weights_only(path):
    found = torch.load(path, weights_only=True)
    assert set(found) == {"format", "schema", "card", "state_dict", "example", "training"}
    assert (found["format"], found["schema"]) == ("onnxnn", 1)
    assert list(found["state_dict"]) == ["linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"]
    assert found["example"].shape == (4,)
    card = ModelCard.from_json(found["card"])
    assert card.output.classes == ("a", "b", "c")
    assert card.training["epochs"] == 2
    assert card.training["versions"]["torch"] == torch.__version__


def test_every_truncation_is_noticed(path, tmp_path):
    content = path.read_bytes()
    broken = tmp_path / "broken.pth"
    for size in [*range(0, len(content), len(content) // 25), len(content) - 1]:
        broken.write_bytes(content[:size])
        with pytest.raises(
            CheckpointError, match=r"broken\.pth: .*(truncated|empty|got a|damaged|no onnxnn)"
        ):
            checkpoint.load(broken)


def edited(path, target, **changes):
    content = torch.load(path, weights_only=True)
    torch.save({**content, **changes}, target)
    return target


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "expected schema 1, .* got schema 2. Install a newer onnxnn"),
        ({"schema": torch.ones(2)}, r"schema torch.float32 tensor \(2,\)"),
        ({"format": "other"}, "expected an onnxnn checkpoint"),
        ({"state_dict": {"a": 1}}, "expected tensors by name"),
        ({"training": None}, "expected a tensor and a dict"),
        ({"card": "{"}, "not valid JSON"),
    ],
)
def test_what_onnxnn_never_writes_is_refused(path, tmp_path, changes, message):
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(edited(path, tmp_path / "edited.pth", **changes))


def test_a_missing_file_is_also_a_file_not_found_error(tmp_path):
    with pytest.raises(CheckpointError, match=r"got a folder. Give a checkpoint in it, such as .*basenn.pth"):
        checkpoint.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such checkpoint"):
        nn(verbose=0).load(tmp_path / "none.pth")


def test_foreign_files_are_named_and_never_run(tmp_path):
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(ran),)

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "old.pkl").write_bytes(pickle.dumps(Evil()))
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2)), tmp_path / "module.pth")
    torch.save({"w": torch.zeros(2)}, tmp_path / "weights.pth")
    (tmp_path / "image.pth").write_bytes(b"\x89PNG....")
    for name, message in [
        ("evil.pth", "holds a pickled object"),
        ("old.pkl", "pickle of an old program"),
        ("module.pth", "pickled module"),
        ("weights.pth", "expected an onnxnn checkpoint"),
        ("image.pth", "expected a checkpoint or a torch file, got"),
    ]:
        with pytest.raises(CheckpointError, match=message):
            checkpoint.load(tmp_path / name)
    assert not ran.exists()


def test_a_basenn_checkpoint_is_recognised(tmp_path):
    target = tmp_path / "basenn.pth"
    torch.save({"meta": {"tool": "BaseNN"}, "state_dict": torch.nn.Sequential(torch.nn.Linear(2, 2))}, target)
    with pytest.raises(CheckpointError, match="a checkpoint of BaseNN, which holds pickled code"):
        checkpoint.load(target)


def test_a_flipped_bit_among_the_weights_is_noticed(path, tmp_path):
    weight = checkpoint.load(path).state_dict["linear1.weight"].numpy().tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(weight) + 5] ^= 1
    (tmp_path / "flipped.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"the file is damaged, at [a-z]*/data/"):
        checkpoint.load(tmp_path / "flipped.pth")


@pytest.mark.parametrize("change", ["directory", "encrypted", "method"])
def test_a_damaged_zip_is_noticed(path, tmp_path, change):
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\1\2")  # the first of the central directory
    if change == "directory":
        content[entry + 46 : entry + 50] = b"\xff" * 4
    elif change == "encrypted":
        content[entry + 8] |= 1
    else:
        content[entry + 10] = 99
    (tmp_path / "damaged.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(tmp_path / "damaged.pth")


def test_another_network_is_refused_and_left_alone(path):
    other = nn("cls", verbose=0)
    other.load_dataset(np.zeros((6, 4), np.float32), np.arange(6) % 3)
    other.add("linear", size=(4, 6), activation="relu")
    other.add("linear", size=(6, 3), activation="softmax")
    before = other.model[0].weight.clone()
    message = r"linear1.weight is \(5, 4\) in the checkpoint, \(6, 4\) in the network"
    with pytest.raises(CheckpointError, match=message):
        other.train(checkpoint=path, epochs=1)
    assert torch.equal(before, other.model[0].weight)


def test_a_full_disk_leaves_the_old_file(path, model, monkeypatch):
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        model.save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir() if entry.suffix == ".part"] == []


def test_a_disk_that_is_full_before_the_end_is_named(path, model, monkeypatch):
    before = path.read_bytes()

    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_atomically", lambda path, write: write(Full()))
    with pytest.raises(OSError, match="No space left on device") as error:
        model.save(path)
    assert error.value.errno == errno.ENOSPC
    assert path.read_bytes() == before


KILLED = """
import sys, numpy as np
from onnxnn import nn
model = nn("cls", verbose=0)
model.load_dataset(np.zeros((6, 64), np.float32), np.arange(6) % 2)
model.add("linear", size=(64, 4000)); model.add("linear", size=(4000, 2), activation="softmax")
print("ready", flush=True)
while True:
    model.save(sys.argv[1])
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_a_whole_file(tmp_path):
    target = tmp_path / "killed.pth"
    generator = np.random.default_rng(0)
    for _ in range(4):
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(target)], stdout=subprocess.PIPE)
        child.stdout.readline()
        while not target.exists():
            time.sleep(0.005)
        time.sleep(float(generator.uniform(0.0, 0.2)))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        loaded = checkpoint.load(target)
        assert loaded.state_dict["linear1.weight"].shape == (4000, 64)


def test_killed_at_any_system_call_the_old_or_the_new_file_is_there(path, model, monkeypatch):
    """Every step of writing, cut off: what a power cut at that moment would leave."""

    class PowerCut(BaseException):
        pass

    before = path.read_bytes()
    for module, name in [(os, "fsync"), (os, "replace")]:
        with monkeypatch.context() as patch:

            def cut(*args, **kwargs):
                raise PowerCut

            patch.setattr(module, name, cut)
            with pytest.raises(PowerCut):
                model.save(path)
        assert path.read_bytes() == before
        checkpoint.load(path)


def lists_of_lists(levels):
    made = ["x"]
    for _ in range(levels):
        made = [made] * 9
    return made


@pytest.mark.parametrize(
    "value",
    ["x" * 1_000_000, {f"name{i}": i for i in range(50_000)}, lists_of_lists(6)],
    ids=["a long text", "many names", "lists of the same lists"],
)
@pytest.mark.parametrize("key", ["schema", "card", "training"])
def test_a_message_quotes_little_of_what_a_checkpoint_holds(path, tmp_path, key, value):
    target = edited(path, tmp_path / "edited.pth", **{key: value})
    with pytest.raises(CheckpointError, match=r"edited\.pth: ") as error:
        checkpoint.load(target)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"w": torch.zeros(2)}, "weights by name. Add the layers, and call load_weights"),
        (
            {"model": {"w": torch.zeros(2)}},
            "got one of another program. Add the layers, and call load_weights",
        ),
    ],
)
def test_weights_of_others_are_sent_to_load_weights(tmp_path, content, message):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(tmp_path / "weights.pth")


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("epoch", torch.tensor(2), "an integer"),
        ("epoch", -1, "an integer"),
        ("epoch", 2**40, "an integer"),
        ("history", torch.zeros(2), "a list"),
        ("history", [{"loss": torch.zeros(2)}], "a list"),
        ("history", [{"loss": "x" * 10**6}], "a list"),
        ("settings", "Adam", "settings by name"),
        ("settings", {"lr": list(range(5000))}, "settings by name, at most 1,000 values"),
        ("settings", {"optimizer_options": {str(i): i for i in range(5000)}}, "settings by name"),
        ("settings", {str(i): i for i in range(5000)}, "settings by name"),
        ("lr", "fast", "a number"),
        ("best", torch.zeros(2), "a number"),
        ("loss", {"a": 1}, "tensors by name"),
        ("optimizer", torch.zeros(2), "the state of an optimizer"),
        ("optimizer", {"state": {0: 1}, "param_groups": []}, "the state of an optimizer"),
        ("schedule", [1], "the state of a schedule"),
        ("random", {}, "the states of the random generators"),
        ("average", {"steps": 1}, "a moving average"),
        ("sample", {"sizes": torch.ones(1), "axes": ["feature"]}, "the sizes and axes"),
        ("sample", {"sizes": [0], "axes": ["feature"]}, "the sizes and axes"),
        ("extra", 1, "unknown key"),
    ],
)
def test_a_training_state_of_other_types_is_refused_before_use(path, tmp_path, model, key, value, what):
    state = torch.load(path, weights_only=True)["training"]
    target = edited(path, tmp_path / "edited.pth", training={**state, key: value})
    for use in (
        lambda: checkpoint.load(target),
        lambda: model.train(checkpoint=target, epochs=1),
        lambda: model.train(resume=target),
        lambda: nn(verbose=0).load(target),
        lambda: pth_info(target),
    ):
        with pytest.raises(CheckpointError, match=f"edited.pth: the training state.*{what}") as error:
            use()
        assert len(str(error.value)) < 400


def test_weights_that_are_nan_are_refused(path, tmp_path):
    weights = torch.load(path, weights_only=True)["state_dict"]
    weights["linear2.bias"][1] = torch.nan
    target = edited(path, tmp_path / "edited.pth", state_dict=weights)
    with pytest.raises(CheckpointError, match=r"got NaN in the weights 'linear2.bias'.*smaller lr"):
        pth_info(target)


@pytest.mark.parametrize("name", ["weight", "running_mean"])
def test_weights_that_are_nan_are_not_saved(tmp_path, name):
    network = nn(verbose=0)
    network.add("linear", size=(3, 2))
    network.add("batchnorm1d", size=2)
    network.save(tmp_path / "a.pth")
    before = (tmp_path / "a.pth").read_bytes()
    with torch.no_grad():
        getattr(network.model[1], name)[0] = torch.nan
    with pytest.raises(CheckpointError, match=rf"a.pth: expected numbers, got NaN in the weights '.*{name}'"):
        network.save(tmp_path / "a.pth")
    assert (tmp_path / "a.pth").read_bytes() == before
    with pytest.raises(ExportError, match=f"{name} holds NaN"):
        network.export(tmp_path / "a.onnx")


def test_weights_of_another_kind_of_number_are_refused(path, tmp_path, model):
    weights = torch.load(path, weights_only=True)["state_dict"]
    weights["linear2.bias"] = weights["linear2.bias"].to(torch.int64)
    target = edited(path, tmp_path / "edited.pth", state_dict=weights)
    with pytest.raises(CheckpointError, match=r"linear2\.bias is int64 in the checkpoint"):
        model.load(target)


@pytest.mark.parametrize("value", [[1], "text", 3, {}, None])
@pytest.mark.parametrize("key", ["settings", "versions", "final"])
def test_what_a_card_says_otherwise_of_its_training_is_left_out(path, tmp_path, key, value):
    card = json.loads(torch.load(path, weights_only=True)["card"])
    card["training"][key] = value
    facts = pth_info(edited(path, tmp_path / "edited.pth", card=json.dumps(card)))
    assert facts["task"] == "cls"


def test_a_file_of_the_old_form_is_named(tmp_path):
    old = tmp_path / "old.pth"
    torch.save({"0.weight": torch.zeros(2, 2)}, old, _use_new_zipfile_serialization=False)
    with pytest.raises(
        CheckpointError, match=r"old\.pth: a torch file of the form before torch 1\.6.*load_weights"
    ):
        checkpoint.load(old)
