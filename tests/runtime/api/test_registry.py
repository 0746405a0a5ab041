"""Things that users choose by name."""

from __future__ import annotations

import pytest
from onnxnn_runtime.api.registry import Registry


def registry():
    return Registry([("MSELoss", 1, ("mse", "mean_squared_error")), ("L1Loss", 2, ())])


@pytest.mark.parametrize("name", ["MSELoss", "mseloss", " MSE ", "Mean_Squared_Error"])
def test_any_case_and_alias(name):
    assert registry().find(name) == "MSELoss"


@pytest.mark.parametrize("name", ["", "m", None, 3, ["mse"], b"mse"])
def test_no_name(name):
    assert registry().find(name) is None


def test_it_maps_official_names_in_their_order():
    found = registry()
    assert (list(found), len(found), found["L1Loss"], "mse" in found) == (["MSELoss", "L1Loss"], 2, 2, False)
    assert found.spellings == ["mseloss", "mse", "mean_squared_error", "l1loss"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("msee", ". Did you mean 'mse'?"), ("MSELos", ". Did you mean 'MSELoss'?"), ("zzz", ".")],
)
def test_the_nearest_name(name, hint):
    assert registry().hint(name) == hint


@pytest.mark.parametrize(
    "names", [("MSELoss",), ("mseLOSS",), ("other", "MSE"), ("other", "OTHER"), ("other", "a", "A")]
)
def test_a_name_or_alias_is_registered_once(names):
    found = registry()
    with pytest.raises(ValueError, match="registered twice"):
        found.add(names[0], 3, *names[1:])
    assert list(found) == ["MSELoss", "L1Loss"]
