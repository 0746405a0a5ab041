"""Things that users choose by name: layers, losses, metrics, optimizers, schedules, samplers."""

from __future__ import annotations

from typing import Generic, Iterable, Iterator, Mapping, TypeVar

from onnxnn_runtime.errors import name_hint
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.suggestions import key_of

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Name -> value; names are understood in any case, and by their aliases.

    As a mapping it has the official names alone, in the order in which they were added.

    Args:
        entries: (name, value, its aliases) to begin with.
    """

    def __init__(self, entries: Iterable[tuple[str, T, tuple[str, ...]]] = ()) -> None:
        self._values: dict[str, T] = {}
        self._names: dict[str, str] = {}
        for name, value, aliases in entries:
            self.add(name, value, *aliases)

    def add(self, name: str, value: T, *aliases: str) -> None:
        """Add a value.

        Raises:
            ValueError: A name or alias is taken, which is a mistake in the program.
        """
        keys = [key_of(each) for each in (name, *aliases)]
        taken = [key for key in keys if key in self._names]
        if taken or len(set(keys)) < len(keys):
            raise ValueError(gettext("registered twice: {names}", names=", ".join(taken or keys)))
        self._values[name] = value
        self._names.update(dict.fromkeys(keys, name))

    def find(self, name: object) -> str | None:
        """Return the official name of a name or alias in any case; None where there is none."""
        return self._names.get(key_of(name))

    def hint(self, name: object) -> str:
        """Return ". Did you mean 'x'?" for the name or alias that is nearest, or "." where none is near."""
        return name_hint(name, [*self._names, *self._values])

    @property
    def spellings(self) -> list[str]:
        """All names and aliases in lower case."""
        return list(self._names)

    def __getitem__(self, name: str) -> T:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
