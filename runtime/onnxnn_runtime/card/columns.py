"""How the columns of a table become the numbers that a network takes, as the card holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import CardError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

from .fields import Fields, names_of, one_of

COLUMN_KINDS = ("number", "categorical", "boolean", "date", "ignore")

DATE_PARTS = ("year", "month", "day", "weekday", "hour", "minute")
"""What a date becomes: the weekday from 0 (Monday) to 6, all others as they are written."""

DATE_ORDERS = ("dmy", "mdy")
"""Which of the first two numbers of 3/4/2025 is the day; a year in front leaves no doubt."""

OTHER_MISSING = ""
"""The category of cells without a value, where some were so in training."""


@checked_class()
@dataclass(frozen=True)
class ColumnSpec:
    """What becomes of one column of a table.

    A number, and a boolean (1 for true), is one number; a cell without a value is NaN, which the graph fills
    in. A column of categories is one number for each of them, 1 where the cell holds it ("one-hot"); a cell
    that holds none of them is 0 in all. A date is a number for each of its parts. What is ignored is none.

    Args:
        name: The column's name; "" where the table names none.
        kind: "number", "categorical", "boolean", "date" or "ignore".
        categories: For categories: what the cells hold, as text; "" stands for a cell without a value.
        parts: For dates: some of `DATE_PARTS`.
        order: For dates: "dmy" or "mdy", where the year does not come first.

    Raises:
        CardError: A value is not one of those listed, or a category or part occurs twice or not at all.
    """

    name: str
    kind: str
    categories: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    order: str = "dmy"

    def __post_init__(self) -> None:
        one_of("input.columns.kind", self.kind, COLUMN_KINDS)
        one_of("input.columns.order", self.order, DATE_ORDERS)
        for part in self.parts:
            one_of("input.columns.parts", part, DATE_PARTS)
        for kind, values in (("categorical", self.categories), ("date", self.parts)):
            if len(set(values)) < len(values) or (self.kind == kind) != bool(values):
                raise CardError.coded(
                    "E-CARD-02",
                    "card: 'input.columns': expected different values of {kind} for a column of this "
                    "kind alone, got {values}. Export the model again.",
                    kind=repr(kind),
                    values=shortened(values),
                )

    @property
    def is_used(self) -> bool:
        """Whether the network takes anything of it."""
        return self.kind != "ignore"

    @property
    def width(self) -> int:
        """How many numbers it becomes."""
        return len(self.categories) or len(self.parts) or int(self.is_used)

    def titles(self, place: int) -> list[str]:
        """Return what each of its numbers is called: "town=Oslo", "built.year", "size".

        Args:
            place: Its position in the table, for a column without a name.
        """
        name = self.name or gettext("column {number}", number=place + 1)
        values = [f"{name}={value or '?'}" for value in self.categories]
        return values or [f"{name}.{part}" for part in self.parts] or [name] * self.is_used

    def to_dict(self) -> Mapping[str, object]:
        """Return the column as the card's text holds it, without what its kind does not have."""
        found: dict[str, object] = {"name": self.name, "kind": self.kind}
        if self.categories:
            found["categories"] = list(self.categories)
        if self.parts:
            found.update(parts=list(self.parts), order=self.order)
        return found


def titles_of(columns: Sequence[ColumnSpec]) -> list[str]:
    """Return what the numbers are called that a row of a table becomes, in order."""
    return [title for place, column in enumerate(columns) for title in column.titles(place)]


def width_of(columns: Sequence[ColumnSpec]) -> int:
    """Return how many numbers a row of a table becomes."""
    return sum(column.width for column in columns)


def check_columns(
    columns: Sequence[ColumnSpec], kind: str, shape: Sequence[int | str], features: Sequence[str]
) -> None:
    """Refuse columns that are not those of the network's input.

    Args:
        columns: What becomes of each column.
        kind, shape, features: What else the card says of the input.

    Raises:
        CardError: They are another number of values, or have other names.
    """
    names = tuple(column.name for column in columns if column.is_used)
    is_table = kind == "table" and tuple(shape[1:]) == (width_of(columns),)
    if columns and (not is_table or tuple(features) not in ((), names)):
        raise CardError.coded(
            "E-CARD-02",
            "card: 'input.columns': expected columns that become the row of {shape} and are named as in "
            "'input.features', got {width} in all, of {names}. Export the model again.",
            shape=shortened(tuple(shape[1:])),
            width=width_of(columns),
            names=shortened(names),
        )


def read_columns(values: Sequence[object]) -> tuple[ColumnSpec, ...]:
    """Read the columns of a card.

    Raises:
        CardError: One is malformed.
    """
    return tuple(_column(entry) for entry in values)


def _column(entry: object) -> ColumnSpec:
    fields = Fields.of_entry("input.columns", entry)
    name, kind = fields.take("name", str), fields.take("kind", str)
    given = entry if isinstance(entry, dict) else {}
    categories = fields.take("categories", list) if "categories" in given else []
    parts = fields.take("parts", list) if "parts" in given else []
    order = fields.take("order", str) if "order" in given else "dmy"
    fields.done()
    return ColumnSpec(
        name,
        kind,
        names_of("input.columns.categories", categories),
        names_of("input.columns.parts", parts),
        order,
    )
