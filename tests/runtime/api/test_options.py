"""Calls that take the fields of a dataclass: their signature, and what is refused."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass

import pytest
from onnxnn_runtime.api.calls import checked, checked_class
from onnxnn_runtime.api.options import takes, takes_by_name, takes_late
from onnxnn_runtime.errors import CallError


@dataclass(frozen=True)
class Making:
    """How many are made."""

    num: int = 1
    seed: int | None = None
    quick: bool = False


@checked_class()
class Maker:
    @takes(Making, by_place=1)
    def make(self, options: Making) -> Making:
        """Make some."""
        return options

    @takes_by_name(Making)
    def named(self, name: str, num: int = 2, **options: object) -> dict:
        """Make some with a name."""
        return {"name": name, "num": num, **options}


@checked
@takes(Making, by_place=3)
def make(name: str, options: Making) -> tuple:
    return name, options


SIGNATURES = {
    Maker.make: "(self, num: int = 1, *, seed: int | None = None, quick: bool = False) -> Making",
    Maker.named: "(self, name: str, num: int = 2, *, seed: int | None = None, quick: bool = False) -> dict",
    make: "(name: str, num: int = 1, seed: int | None = None, quick: bool = False) -> tuple",
}


@pytest.mark.parametrize("call", SIGNATURES, ids=lambda call: call.__qualname__)
def test_the_signature_has_the_fields(call):
    assert str(inspect.signature(call)).replace("'", "") == SIGNATURES[call]


def test_the_function_gets_one_object():
    assert Maker().make() == Making()
    assert Maker().make(3, seed=4) == Making(3, 4)
    assert Maker().named("a", seed=4) == {"name": "a", "num": 2, "seed": 4}
    assert make("a", 3, 4, True) == make(name="a", num=3, seed=4, quick=True) == ("a", Making(3, 4, True))
    assert (Maker.make.__name__, Maker.make.__doc__) == ("make", "Make some.")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Maker().make(sed=1), r"make\(\): unknown option 'sed'. Did you mean 'seed'\?"),
        (lambda: Maker().make(1, 2), "expected at most 1 argument without a name, got 2"),
        (lambda: Maker().make(quick="no"), "quick='no': expected True or False"),
        (lambda: Maker().named("a", sed=1), r"named\(\): unknown option 'sed'. Did you mean 'seed'\?"),
        (lambda: Maker().named("a", quick="no"), "quick='no': expected True or False"),
        (lambda: Maker().named(seed=1), "'name' is missing"),
        (lambda: make(num=1), "'name' is missing"),
        (lambda: make("a", name="b"), "'name' is given twice"),
    ],
)  # fmt: skip
def test_what_is_no_field_is_refused(call, message):
    with pytest.raises(CallError, match=message):
        call()


def test_a_right_call_is_not_bound_to_the_signature(monkeypatch):
    """That would take longer than a small network."""
    monkeypatch.setattr(inspect, "signature", None)
    assert Maker().make(3, seed=4) == Making(3, 4)
    assert Maker().named("a", 3, seed=4) == {"name": "a", "num": 3, "seed": 4}
    assert make(name="a", num=3) == ("a", Making(3))


@pytest.fixture
def late_class(tmp_path, monkeypatch) -> type:
    """A class with a method whose options are in a module that nobody has imported."""
    (tmp_path / "late_options.py").write_text(f"from {__name__} import Making", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "late_options", raising=False)

    @checked_class()
    class Late:
        @takes_late("late_options", "Making", by_place=1)
        def make(self, options: Making) -> object:
            """Make some."""
            return self, options

    return Late


def test_late_options_are_imported_when_the_method_is_looked_up(late_class):
    late = late_class()
    assert "late_options" not in sys.modules
    assert late.make(3, seed=4) == (late, Making(3, 4))
    assert (late_class.make.__name__, late_class.make.__doc__) == ("make", "Make some.")
    expected = "(self, num: 'int' = 1, *, seed: 'int | None' = None"
    assert str(inspect.signature(late_class.make)).startswith(expected)
    with pytest.raises(CallError, match=r"make\(\): unknown option 'sed'. Did you mean 'seed'"):
        late.make(sed=1)


def test_a_late_method_can_be_overridden_and_called_by_super(late_class):
    class More(late_class):
        def make(self, num: int = 1) -> object:
            return super().make(num + 1)

    more = More()
    assert more.make() == (more, Making(2))
    assert more.make() == (more, Making(2)), "the class has the made method by now"
