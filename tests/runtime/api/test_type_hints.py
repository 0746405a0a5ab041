"""Type hints of public calls can be read while a program runs, as other packages do."""

from __future__ import annotations

import inspect
import sys
import typing

import numpy as np
import onnxnn_runtime as rt
import pytest

LATE = {
    *(rt.Model.kind.fget, rt.Model.references.fget, rt.Model.decoder, rt.Model.report, rt.Model.stream),
    *(rt.Model.heatmap, rt.Model.heatmaps, rt.Model.feature_importance),
}
"""Calls whose types are of modules that are imported when they are used."""


def calls():
    for owner in (rt.Model, rt.Gallery):
        for name in dir(owner):
            found = inspect.getattr_static(owner, name)
            found = getattr(found, "__func__", getattr(found, "fget", found))
            if inspect.isfunction(found) and not name.startswith("_") and found not in LATE:
                yield pytest.param(found, id=f"{owner.__name__}.{name}")
    for name in rt.__all__:
        found = getattr(rt, name)
        if inspect.isfunction(found):
            yield pytest.param(found, id=name)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the hints are written as Python 3.10 reads them")
@pytest.mark.parametrize("call", [*calls()])
def test_every_hint_has_a_value(call):
    assert "return" in typing.get_type_hints(call)


def test_calls_with_options_have_hints_on_any_python():
    assert typing.get_type_hints(rt.Model.predict)["k"] is int
    assert typing.get_type_hints(rt.Model.embed)["return"] is np.ndarray
