"""A training that fails leaves state, module and weights as they were; one that is over replaces them."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import OutputError, TrainingError
from support.weights import same_weights, saved_weights
from torch.nn.utils.prune import l1_unstructured

from onnxnn import Callback, nn

RNG = np.random.default_rng(0)
X, Y = RNG.random((12, 4), np.float32), np.arange(12) % 3


class Own(torch.nn.Module):
    """A custom module that no copy can be made of."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(5, 5)
        self.norm = torch.nn.BatchNorm1d(5)
        self.lock = threading.Lock()

    def forward(self, x):
        return self.norm(self.linear(x))


def network(folder, own=None, **options):
    model = nn("cls", save_fold=str(folder), verbose=0)
    model.set_seed(0)
    model.load_dataset(X, Y, batch_size=4, **options)
    model.add("linear", size=(4, 5), activation="relu")
    model.add("dropout", p=0.5)
    if own is not None:
        model.add(own)
    model.add("linear", size=(5, 3), activation="softmax")
    return model


class At(Callback):
    """Do something at one moment of a training."""

    def __init__(self, moment, act, epochs=0):
        self.moment, self.act, self.epochs = moment, act, epochs

    def _look(self, moment, trainer):
        if moment == self.moment and trainer.epoch == self.epochs:
            self.act(trainer)

    def on_start(self, trainer):
        self._look("start", trainer)

    def on_step(self, trainer):
        self._look("step", trainer)

    def on_epoch(self, trainer):
        self._look("epoch", trainer)

    def on_end(self, trainer):
        self._look("end", trainer)


def raising(error):
    def act(trainer):
        raise error

    return act


def spoil(trainer):
    with torch.no_grad():
        next(trainer.net.parameters()).fill_(torch.nan)


class Before:
    """What a network held, to be compared with what it holds later."""

    def __init__(self, model):
        self.model, self.attributes = model, dict(vars(model))
        self.objects = self._objects()
        self.values = [value.clone() for value in self._weights()]
        self.modes = [part.training for part in model.model.modules()]

    def _objects(self):
        state = self.model._state
        return [
            state,
            state.definition,
            state.data,
            self.model.model,
            *self.model.model.modules(),
            *self._weights(),
        ]

    def _weights(self):
        return [*self.model.model.parameters(), *self.model.model.buffers()]

    def check_unchanged(self):
        assert vars(self.model).keys() == self.attributes.keys()
        changed = [name for name, value in self.attributes.items() if vars(self.model)[name] is not value]
        assert changed == []
        assert list(map(id, self._objects())) == list(map(id, self.objects))
        assert all(map(torch.equal, self._weights(), self.values))
        assert [part.training for part in self.model.model.modules()] == self.modes


FAILURES = {
    "NaN after an epoch": (At("epoch", spoil, epochs=1), TrainingError),
    "NaN in a step": (At("step", spoil), TrainingError),
    "an error at the start": (At("start", raising(RuntimeError("broken"))), RuntimeError),
    "an error in a step": (At("step", raising(RuntimeError("broken")), epochs=2), RuntimeError),
    "an error after an epoch": (At("epoch", raising(RuntimeError("broken")), epochs=2), RuntimeError),
    "an error at the end": (At("end", raising(RuntimeError("broken")), epochs=3), RuntimeError),
    "an exit": (At("epoch", raising(SystemExit()), epochs=2), SystemExit),
    "no memory": (At("step", raising(MemoryError())), MemoryError),
}


@pytest.mark.parametrize(
    "options", [{}, {"ema": 0.9}, {"checkpoint": "ckpt/basenn.pth"}], ids=["", "ema", "more"]
)
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_training_that_fails_changes_nothing(tmp_path, monkeypatch, failure, own, options):
    monkeypatch.chdir(tmp_path)
    model = network("ckpt", Own() if own else None, train_val_ratio=0.75)
    model.train(lr=0.05, epochs=2, device="cpu")
    callback, error = FAILURES[failure]
    if "checkpoint" in options:
        callback = At(callback.moment, callback.act, callback.epochs + 2)
    before = Before(model)
    with pytest.raises(error):
        model.train(lr=0.05, epochs=3, save_fold="other", callbacks=[callback], **options, device="cpu")
    before.check_unchanged()
    again = model.train(lr=0.05, epochs=1, device="cpu")
    assert (len(again), model.save_fold) == (1, "ckpt")


def test_ctrl_c_before_training_begins_changes_nothing(tmp_path, monkeypatch):
    model = network(tmp_path, Own())
    before = Before(model)
    monkeypatch.setattr(
        "onnxnn.training.device.Machine.setup", lambda *given: raising(KeyboardInterrupt())(given)
    )
    with pytest.raises(KeyboardInterrupt):
        model.train(lr=0.05, epochs=3, device="cpu")
    before.check_unchanged()
    assert list(tmp_path.iterdir()) == []


KEPT = {
    "Ctrl-C in the first step": ([At("step", raising(KeyboardInterrupt()))], None, 0),
    "Ctrl-C after two epochs": ([At("epoch", raising(KeyboardInterrupt()), epochs=2)], None, 2),
    "Ctrl-C at the end": ([At("end", raising(KeyboardInterrupt()), epochs=3)], KeyboardInterrupt, 3),
    "Ctrl-C twice": (
        [
            At("step", raising(KeyboardInterrupt()), epochs=1),
            At("end", raising(KeyboardInterrupt()), epochs=1),
        ],
        KeyboardInterrupt,
        1,
    ),
    "a full disk": ([At("epoch", raising(OutputError("full")), epochs=2)], OutputError, 2),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_was_learned_is_kept(tmp_path, case):
    callbacks, error, epochs = KEPT[case]
    own = Own()
    model = network(tmp_path, own)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    state, net = model._state, model.model
    if error is None:
        assert model.train(lr=0.05, epochs=3, callbacks=callbacks) is model.history
    else:
        with pytest.raises(error):
            model.train(lr=0.05, epochs=3, callbacks=callbacks)
    assert len(model.history) == epochs
    assert model._state is not state
    assert model._state.owned is not None
    assert model.model is not net
    assert not same_weights(before, dict(model.model.state_dict()))
    assert any(part is own for part in model.model.modules())
    assert np.isfinite(model.inference(X)).all()


@pytest.mark.parametrize("moment", ["start", "step", "epoch"])
def test_until_training_is_over_a_network_is_as_it_was(tmp_path, moment):
    seen = []

    def look(trainer):
        seen.append((model._state, model.model, trainer.net, model.inference(X)))

    model = network(tmp_path)
    state, net, found = model._state, model.model, model.inference(X)
    model.train(lr=0.05, epochs=2, callbacks=[At(moment, look, epochs=moment == "epoch")])
    (then, module, trained, during), *_ = seen
    assert (then, module) == (state, net)
    assert trained is model.model is not net
    np.testing.assert_array_equal(during, found)
    assert not np.array_equal(model.inference(X), found)


def test_a_custom_module_is_trained_itself(tmp_path):
    own = Own()
    model = network(tmp_path, own)
    weights = list(own.parameters())
    before = [value.detach().clone() for value in weights]
    model.train(lr=0.05, epochs=2)
    assert all(map(torch.Tensor.is_set_to, own.parameters(), weights))
    assert not any(map(torch.equal, weights, before))
    saved = saved_weights(tmp_path / "basenn.pth")
    name = next(name for name, module in model.model.named_children() if module is own)
    assert same_weights({key: saved[f"{name}.{key}"] for key in own.state_dict()}, dict(own.state_dict()))


def test_what_a_script_set_in_the_torch_module_counts(tmp_path):
    calls = []
    model = network(tmp_path)
    layer = model.model.linear1
    layer.weight.requires_grad_(False)
    layer.register_forward_hook(lambda module, given, output: calls.append(module.training))
    l1_unstructured(model.model[-2], "weight", 0.5)
    weight = layer.weight.clone()
    model.train(lr=0.05, epochs=1)
    assert True in calls
    assert torch.equal(model.model.linear1.weight, weight)
    assert not torch.equal(model.model.linear1.bias, layer.bias)
    assert int((model.model[-2].weight == 0).sum()) == 8  # of 15


class Counter:
    """An object whose method is a hook."""

    calls = 0

    def count(self, *given):
        self.calls += 1


def test_hooks_of_layers_and_weights_are_those_of_the_script(tmp_path):
    model, counter = network(tmp_path), Counter()
    model.model.linear1.register_forward_hook(counter.count)
    weight = model.model.linear1.weight
    weight.register_hook(torch.zeros_like)
    for _ in range(2):
        before = counter.calls
        model.train(lr=0.05, epochs=1)
        assert counter.calls == before + 3
    assert torch.equal(model.model.linear1.weight, weight)


@pytest.mark.parametrize("options", [{}, {"ema": 0.9}])
def test_a_custom_module_stays_tied_to_a_layer(tmp_path, options):
    model = network(tmp_path)
    own = torch.nn.Linear(3, 5)
    model.model.linear1.register_parameter("bias", own.bias)
    model.add(own)
    model.train(lr=0.05, epochs=2, **options)
    assert model.model.linear1.bias is own.bias
    assert sum(part is own for part in model.model.modules()) == 1


@pytest.mark.parametrize("ratio", [1.0, 0.75])
def test_a_network_resumes_a_checkpoint_of_its_own_as_another_does(tmp_path, ratio):
    """Both in training mode, in which dropout leaves outputs out."""
    model = network(tmp_path, train_val_ratio=ratio)
    model.train(lr=0.05, epochs=2)
    (tmp_path / "basenn.pth").rename(tmp_path / "two.pth")
    own = model.train(epochs=2, checkpoint=tmp_path / "two.pth")
    other = network(tmp_path, train_val_ratio=ratio)
    assert other.train(epochs=2, checkpoint=tmp_path / "two.pth") == own
    assert same_weights(dict(model.model.state_dict()), dict(other.model.state_dict()))


def test_gradients_take_no_memory_after_training(tmp_path):
    model = network(tmp_path, Own())
    model.train(lr=0.05, epochs=1)
    assert {weight.grad for weight in model.model.parameters()} == {None}
