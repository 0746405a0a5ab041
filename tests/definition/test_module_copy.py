"""Copies of torch modules: weights of their own, and all hooks."""

from __future__ import annotations

import functools
import threading

import pytest
import torch

from onnxnn.definition.module_copy import copied

X = torch.ones(2, 3)


class Recorder:
    """An object that no copy can be made of, and that counts calls."""

    def __init__(self):
        self.lock, self.calls = threading.Lock(), 0

    def __call__(self, *given):
        self.calls += 1

    def method(self, *given):
        self.calls += 1


class Counting(torch.nn.Linear):
    """A layer whose hook is a method of its own."""

    def __init__(self):
        super().__init__(3, 3)
        self.calls = 0
        self.register_forward_hook(self.count)

    def count(self, *given):
        self.calls += 1


class Reusing(torch.nn.Module):
    """A custom module that uses a layer of the network, and the weight of another."""

    def __init__(self, layer, weight):
        super().__init__()
        self.layer, self.weight = layer, weight

    def forward(self, x):
        return self.layer(x) @ self.weight


def network():
    return torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.ReLU(), torch.nn.Linear(3, 3))


KINDS = {
    "a function": lambda recorder: lambda *given: recorder.method(),
    "a method": lambda recorder: recorder.method,
    "an object": lambda recorder: recorder,
    "a partial function": lambda recorder: functools.partial(recorder.method, "name"),
}
PLACES = {
    "forward": lambda net, hook: net[0].register_forward_hook(hook),
    "forward_pre": lambda net, hook: net.register_forward_pre_hook(hook),
    "full_backward": lambda net, hook: net[2].register_full_backward_hook(hook),
    "save": lambda net, hook: net.register_state_dict_pre_hook(hook),
    "load": lambda net, hook: net.register_load_state_dict_pre_hook(hook),
    "weight": lambda net, hook: net[0].weight.register_hook(hook),
    "gradient": lambda net, hook: net[0].weight.register_post_accumulate_grad_hook(hook),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_calls_the_same_hooks(kind, place):
    net, recorder = network(), Recorder()
    PLACES[place](net, KINDS[kind](recorder))
    for module in (net, copied(net), copied(copied(net))):
        recorder.calls = 0
        module(X).sum().backward()
        module.load_state_dict(module.state_dict())
        assert recorder.calls == 1


def test_a_hook_of_a_layer_itself_becomes_that_of_the_copy():
    net = torch.nn.Sequential(Counting())
    found = copied(net)
    found(X)
    assert (net[0].calls, found[0].calls) == (0, 1)


def test_a_hook_of_a_frozen_weight_is_copied():
    net, recorder = network(), Recorder()
    net[0].weight.register_hook(recorder)
    net[0].weight.requires_grad_(False).name_of_mine = "first"
    found = copied(net)
    assert not found[0].weight.requires_grad
    assert found[0].weight.name_of_mine == "first"
    found[0].weight.requires_grad_(True)
    found(X).sum().backward()
    assert recorder.calls == 1


def test_hooks_added_later_are_of_one_alone():
    net, recorder = network(), Recorder()
    net[0].weight.register_hook(lambda gradient: None)
    found = copied(net)
    found[0].weight.register_hook(recorder)
    found[0].register_forward_hook(recorder)
    net(X).sum().backward()
    assert recorder.calls == 0


def test_weights_are_equal_and_its_own():
    net = network()
    net[2].weight = net[0].weight
    found = copied(net)
    assert found[2].weight is found[0].weight is not net[0].weight
    assert torch.equal(found[0].weight, net[0].weight)


def test_a_shared_module_is_the_same_with_all_that_it_holds():
    net = network()
    own = Reusing(net[0], net[2].weight)
    found = copied(net.append(own), shared=[own])
    assert found[3] is own
    assert found[0] is net[0]
    assert found[2] is not net[2]
    assert found[2].weight is net[2].weight
    assert found[2].bias is not net[2].bias


@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize("change", [torch.nn.utils.weight_norm, torch.nn.utils.spectral_norm])
def test_computed_weights_follow_the_copy(change):
    net = network()
    change(net[0])
    net(X)
    found = copied(net)
    with torch.no_grad():
        for weight in found.parameters():
            weight.zero_()
    assert not found[2](X).any()
    assert net(X).any()


def test_outputs_kept_in_a_layer_do_not_prevent_a_copy():
    net = network()
    kept = net[0](X)
    net[0].kept = {"one": kept, "all": [kept, (kept, 1)]}
    net[0].kept["itself"] = net[0].kept
    found = copied(net)[0].kept
    assert torch.equal(found["one"], kept)
    assert not found["one"].requires_grad
    assert found["all"][1][0] is found["one"]
    assert found["itself"] is found
