"""What processes say to each other: errors as texts, and turns in writing files."""

from __future__ import annotations

import pytest
import torch.distributed as dist
from onnxnn_runtime.errors import DataError, MissingDataError, OnnxnnError, OutputError, TrainingError

from onnxnn.data.reading import BrokenImagesError
from onnxnn.network.once import written_once
from onnxnn.training import process_group
from onnxnn.training.process_group import current_group


@pytest.fixture
def group(monkeypatch):
    """A group of this process alone, without a port."""
    monkeypatch.setattr(process_group, "_PATIENCE", 0.1)
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield current_group()
    dist.destroy_process_group()
    assert current_group() is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MissingDataError.coded("E-DATA-01", "{where}: gone.", where="a"), MissingDataError),
        (OutputError.coded("E-OUTPUT-01", "full."), OutputError),
        (BrokenImagesError("bad"), DataError),
        (KeyError("of a callback"), TrainingError),
        (ValueError("\x1b[31m" + "x" * 10_000), TrainingError),
    ],
)
def test_an_error_is_the_same_in_another_process(error, expected):
    found = process_group._unpacked(process_group._packed(error, 3))
    assert type(found) is expected
    assert "\x1b" not in str(found)
    if isinstance(error, OnnxnnError):
        assert (str(found), found.code) == (str(error), error.code)
    else:
        assert str(found).startswith(f"process 3 ended training with {type(error).__name__}: ")
        assert found.code == "E-TRAIN-07"


def test_results_and_errors_are_gathered(group):
    assert group.gather(lambda: 5) == [5]
    assert group.sums(1, 2) == [1, 2]

    def fail():
        raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        group.gather(fail)
    assert group.shown_by == 0
    group.begin()
    assert group.shown_by is None


def test_an_error_within_a_step_ends_the_group(group):
    error = ValueError("shape")
    assert group.ended(error) is error
    assert group.shown_by == 0
    with pytest.raises(TrainingError, match="lost each other when an earlier training failed"):
        group.begin()


def test_the_error_of_a_process_that_is_gone_is_known(group):
    gone = RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer")
    assert "ended without a message" in str(group.ended(gone))
    group._store.set("onnxnn/error/0", process_group._packed(DataError("what it met"), 0))
    found = group.ended(gone)
    assert (type(found), str(found), group.shown_by) == (DataError, "what it met", 0)


class Written:
    """Counts how often it writes."""

    def __init__(self, file, fails=False):
        self.file, self.fails = file, fails

    @written_once
    def save(self):
        """Write."""
        from onnxnn_runtime.files.access import write_atomically

        if self.fails:
            raise OutputError.coded("E-OUTPUT-01", "the disk is full.")
        return write_atomically(self.file, lambda file: file.write(b"new"))


class Named:
    @written_once
    def save(self, file, force=False):
        return str(file)


def test_the_main_process_writes_and_the_others_return_the_same(group, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert Written.save.__doc__ == "Write."
    file = tmp_path / "a.bin"
    assert Written(file).save() == file
    file.write_bytes(b"kept")
    group.rank, group._turns = 1, {}
    assert Written(file).save() == file
    assert file.read_bytes() == b"kept"
    assert list(tmp_path.iterdir()) == [file]


def test_the_others_raise_what_the_main_process_raised(group, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(OutputError):
        Written(tmp_path / "a", fails=True).save()
    group.rank, group._turns = 1, {}
    with pytest.raises(OutputError, match="the disk is full"):
        Written(tmp_path / "a").save()
    monkeypatch.setattr(process_group, "_LONGEST", 0.05)
    with pytest.raises(TrainingError, match=r"save\(\): process 1 waited for process 0"):
        Written(tmp_path / "a").save()


def test_the_others_wait_for_the_same_file(group, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setattr(process_group, "_LONGEST", 0.05)
    Named().save(tmp_path / "main")
    group.rank = 1
    with pytest.raises(TrainingError, match=r"save\(\): process 1 waited for process 0"):
        Named().save(tmp_path / "all")
    group.rank, group._turns = 0, {}
    Named().save(tmp_path / "all")
    group.rank, group._turns = 1, {}
    assert Named().save(tmp_path / "all") == str(tmp_path / "all")


def test_the_others_do_not_wait_for_what_the_main_process_left_out(group, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    group.begin()
    Named().save(tmp_path / "a")  # in an earlier training
    group.begin()
    group.rank, group._trainings, group._turns = 1, 0, {}
    with pytest.raises(TrainingError, match="with the same names in every process"):
        Named().save(tmp_path / "a")


def test_one_process_writes_itself(tmp_path):
    assert Written(tmp_path / "a").save().read_bytes() == b"new"
