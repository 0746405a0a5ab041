"""Where training runs: one device in plain torch, several with Lightning Fabric."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import DeviceError
from support.prepared import run_python

from onnxnn import nn
from onnxnn.training import device, machine
from onnxnn.training.device_options import DeviceOptions
from onnxnn.training.several_devices import SeveralDevices

SCRIPT = """
import sys
sys.modules["lightning_fabric"] = None  # as where it is not installed
import numpy as np
from onnxnn import nn
from onnxnn_runtime.errors import DeviceError
x = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
model = nn("reg", save_fold=sys.argv[1], verbose=0)
model.load_dataset(x, x.sum(1), batch_size=10)
model.add("linear", size=(4, 1))
for precision in ("32-true", "bf16-mixed"):
    history = model.train(lr=0.01, epochs=3, precision=precision, clip=1.0)
    assert history[-1]["loss"] < history[0]["loss"]
for options in ({"devices": 2}, {"strategy": "ddp"}):
    try:
        model.train(epochs=1, device="cpu", **options)
    except DeviceError as error:
        print(error)
"""


def test_one_device_trains_without_lightning(tmp_path):
    ran = run_python(["-c", SCRIPT, tmp_path], tmp_path)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert 'need Lightning Fabric. Install it: pip install "onnxnn[scale]"' in line
        assert line.endswith("[E-PACKAGE-01]")


@pytest.fixture
def torchrun(monkeypatch):
    """Set what `torchrun` leaves in the environment of its second process."""

    def started(processes, here):
        names = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        for name, value in zip(names, (processes, 1, 1 % here, here), strict=True):
            monkeypatch.setenv(name, str(value))

    return started


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_processes_that_run_are_used(monkeypatch, torchrun, devices):
    made = []
    monkeypatch.setattr(machine, "_several_devices", lambda: lambda *given: made.append(given))
    torchrun(4, 2)  # two on each of two computers
    machine.machine_for(DeviceOptions("cpu", devices))
    assert made == [(DeviceOptions("cpu", 2),)]


def test_computers_with_one_device_each_train_together(torchrun):
    torchrun(2, 1)
    assert machine.machine_for(DeviceOptions("cpu")).processes == 2


def test_other_processes_would_wait_in_an_earlier_training(monkeypatch):
    script = types.ModuleType("__main__")
    script.__file__ = "train.py"
    monkeypatch.setitem(sys.modules, "__main__", script)
    monkeypatch.setattr(machine.Machine, "was_started", False)
    machine.machine_for(DeviceOptions("cpu")).start()
    with pytest.raises(
        DeviceError, match=r"devices=2: an earlier train\(\) of this script ran in one process"
    ):
        machine.machine_for(DeviceOptions("cpu", 2)).start()


def test_another_number_of_processes_is_refused(torchrun):
    torchrun(2, 2)
    with pytest.raises(DeviceError, match="devices=3: expected 2, since so many processes run this script"):
        machine.machine_for(DeviceOptions("cpu", 3))


def test_under_torchrun_lightning_is_needed(monkeypatch, torchrun):
    monkeypatch.delitem(sys.modules, "onnxnn.training.several_devices")
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    torchrun(2, 2)
    with pytest.raises(
        DeviceError, match=r'need Lightning Fabric. Install it: pip install "onnxnn\[scale\]"'
    ):
        machine.machine_for(DeviceOptions())


def test_a_console_has_no_script_for_other_processes(monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    several = machine.machine_for(DeviceOptions("cpu", 2))
    with pytest.raises(DeviceError, match=r"devices=2: .* in a notebook or console there is none"):
        several.start()


def trained(folder, precision, clip):
    x = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
    model = nn("reg", save_fold=str(folder), verbose=0)
    model.set_seed(0)
    model.load_dataset(x, x.sum(1), batch_size=10, train_val_ratio=0.8)
    model.add("linear", size=(4, 8), activation="relu")
    model.add("batchnorm1d", size=8)
    model.add("linear", size=(8, 1))
    history = model.train(lr=0.01, epochs=3, precision=precision, clip=clip, device="cpu", metrics="mae")
    return list(history), model.model.state_dict()


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_plain_torch_learns_what_fabric_learns(tmp_path, monkeypatch, precision, clip):
    rows, weights = trained(tmp_path, precision, clip)

    def several(name, kind):
        return SeveralDevices(DeviceOptions(name, precision=kind))

    monkeypatch.setattr(machine, "Machine", several)
    assert isinstance(machine.machine_for(DeviceOptions()), SeveralDevices)
    others, other_weights = trained(tmp_path, precision, clip)
    assert rows == others
    assert all(torch.equal(value, other_weights[name]) for name, value in weights.items())


def test_half_precision_on_a_cpu_is_bfloat16(tmp_path):
    with pytest.warns(UserWarning, match="a CPU trains in 'bf16-mixed' instead"):
        rows, _ = trained(tmp_path, "16-mixed", None)
    assert rows[-1]["loss"] < rows[0]["loss"]


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        (["cpu"], {"auto": "cpu", " CPU ": "cpu", "cuda": None, "gpu": None, "cpu:0": None, "": None}),
        (
            ["cpu", "cuda:0", "cuda:1"],
            {"auto": "cuda:0", "gpu": "cuda:0", "gpu:1": "cuda:1", "cuda": "cuda:0", "cuda:1": "cuda:1",
             "cpu": "cpu", "cuda:2": None, "gpu:2": None, "cuda:x": None, "mps": None},
        ),
        (["cpu", "mps"], {"auto": "mps", "gpu": "mps", "mps": "mps", "mps:0": "mps", "cuda": None}),
    ],
)  # fmt: skip
def test_a_device_is_honoured_or_refused(monkeypatch, there, wanted):
    monkeypatch.setattr(device, "_offered", lambda: there)
    for name, expected in wanted.items():
        if expected is None:
            with pytest.raises(DeviceError, match=f"This machine offers: {', '.join(there)}"):
                device.Machine(name)
        else:
            assert device.Machine(name).device == torch.device(expected)


class Overflow(torch.optim.SGD):
    """Counts its steps."""

    taken = 0

    def step(self, closure=None):
        self.taken += 1
        return super().step(closure)


def test_the_scaler_leaves_out_steps_that_overflow():
    plain = device.Machine("cpu")
    plain._scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = Overflow([weight], lr=0.1)
    for loss, taken in ((weight.sum() * float("inf"), 0), (weight.sum(), 1)):
        optimizer.zero_grad()
        plain.backward(loss)
        plain.clip(optimizer, 0.5)
        plain.step(optimizer)
        assert optimizer.taken == taken
    assert weight.item() == pytest.approx(1 - 0.1 * 0.5)
