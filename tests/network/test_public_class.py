"""The class that users call `nn`: its methods are functions of other modules, and look like methods."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle  # noqa: TID251  # what users and worker processes do with methods
import pydoc

import pytest

from onnxnn import Network, nn

METHODS = {
    name: value for name, value in inspect.getmembers(Network, inspect.isfunction) if not name.startswith("_")
}
MOST = 7
"""Arguments that may be given without their names."""


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_named_as_one(name):
    method = METHODS[name]
    assert (method.__module__, method.__qualname__) == ("onnxnn.network", f"Network.{name}")
    assert pickle.loads(pickle.dumps(method)) is method
    assert f"bound method Network.{name} of" in repr(getattr(nn(verbose=0), name))


@pytest.mark.parametrize("name", METHODS)
def test_help_shows_a_methods_options_and_text(name):
    shown = pydoc.plain(pydoc.render_doc(METHODS[name]))
    assert f"{name}(self" in shown
    assert METHODS[name].__doc__.partition("\n")[0] in shown
    for option in list(inspect.signature(METHODS[name]).parameters)[1:]:
        assert option in METHODS[name].__doc__, option


@pytest.mark.parametrize("name", METHODS)
def test_few_arguments_go_without_a_name(name):
    parameters = list(inspect.signature(METHODS[name]).parameters.values())[1:]
    assert sum(each.kind == each.POSITIONAL_OR_KEYWORD for each in parameters) <= MOST


def test_the_class_has_one_base_and_functions_of_its_modules():
    assert [each.__name__ for each in Network.__mro__] == ["Network", "NetworkCore", "object"]
    for name, method in METHODS.items():
        function = inspect.unwrap(method)
        if function.__qualname__ == name:  # not a method of the base
            own = getattr(importlib.import_module(function.__module__), name)
            assert inspect.unwrap(own) is function
            assert function.__module__.startswith("onnxnn.network.")


def test_a_network_is_copied_and_pickled():
    model = nn("reg", verbose=0)
    model.load_dataset([[1.0], [2.0]], [1.0, 2.0])
    model.add("linear", size=(1, 1))
    expected = model.inference([[3.0]])
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.inference([[3.0]]) == expected
