"""What classes and tokens of data are to a network: the one place where labels get other ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from onnxnn_runtime.arrays.columns import folded
from onnxnn_runtime.card.labels import readable
from onnxnn_runtime.card.vocabulary import renumbering
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import Message, coded, gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn

_SHOWN = 5

_BOOLS = {"false": "0", "true": "1"}
"""What bools are among classes that are integers."""


@dataclass(frozen=True)
class LabelMapping:
    """Classes in the order of their ids, and what another set of classes is among them.

    Args:
        names: The names, by id.
    """

    names: tuple[str, ...] = ()

    @property
    def ids(self) -> dict[str, int]:
        """The id of each name."""
        return {name: id_ for id_, name in enumerate(self.names)}

    def find(self, texts: Collection[str]) -> dict[str, int]:
        """Return the id of each text that means one of the names; the others are left out.

        A text means the name that it is. Else it means the one name that differs from it in case or in the
        form of accents alone, unless that name is itself among the texts.

        Args:
            texts: Labels, or the names of other classes.
        """
        ids = self.ids
        found = {text: ids[text] for text in texts if text in ids}
        alike: dict[str, list[str]] = {}
        for name in self.names:
            alike.setdefault(folded(name), []).append(name)
        for text in set(texts) - ids.keys():
            names = alike.get(folded(text), [])
            if len(names) == 1 and names[0] not in found:
                found[text] = ids[names[0]]
        return found

    def ids_of(
        self,
        own: LabelMapping,
        occurring: Collection[int] | None = None,
        source: str | None = None,
        named: bool = False,
    ) -> torch.Tensor | None:
        """Return the id in this mapping of each class of data.

        Names count first, as they are, then without case and in any Unicode form. Where none of the data's
        is known and all are integers, they are ids, if no name here is an integer; else, where there are as
        many as here, they are other names for the same classes in order, with a warning. "False" and "True"
        are 0 and 1 where the names here are others.

        Args:
            own: The data's classes.
            occurring: The ids of the data that occur; None means all.
            source: What messages call the data; None means "the data".
            named: Whether the data's classes are names even where they look like integers, as folders' are.

        Returns:
            int64 (own classes,); None where nothing changes. A class that does not occur may have the id 0.

        Raises:
            DataError: Some of the data's classes are unknown, or all are and their number is another.
        """
        if not self.names or not own.names or own.names == self.names:
            return None
        source = source or gettext("the data")
        if _are_bools(own.names) and not _are_bools(self.names):
            own = LabelMapping(tuple(_BOOLS[folded(name)] for name in own.names))
            warn_of_bools(self.names, source)
        wanted = range(len(own.names)) if occurring is None else sorted(occurring)
        known = self.find([own.names[id_] for id_ in wanted])
        unknown = [own.names[id_] for id_ in wanted if own.names[id_] not in known]
        if len(unknown) == len(wanted):
            return self._by_order(own, wanted, source, named)
        if unknown:
            raise DataError(self._unknown(unknown, source))
        return torch.tensor([known.get(name, 0) for name in own.names])

    def as_values(self) -> torch.Tensor | None:
        """Return the numbers that the names are, float32 by id; None where a name is no integer."""
        try:
            return torch.tensor([float(int(name)) for name in self.names])
        except ValueError:
            return None

    def up_to(self, units: int) -> LabelMapping | None:
        """Return the mapping in which integers are the ids of their own numbers, of a network's outputs.

        None where the names are others, already have their numbers, or the network has fewer outputs.
        """
        if not self.names or not all(name.isdecimal() for name in self.names):
            return None
        largest = max(map(int, self.names))
        if units <= largest or self.names == tuple(map(str, range(len(self.names)))):
            return None
        return LabelMapping(tuple(map(str, range(largest + 1))))

    def _by_order(
        self, own: LabelMapping, wanted: Collection[int], source: str, named: bool
    ) -> torch.Tensor | None:
        numbers = [readable(name) for name in own.names]
        are_numbers = not named and all(isinstance(numbers[id_], int) for id_ in wanted)
        knows_numbers = any(isinstance(readable(name), int) for name in self.names)
        if are_numbers and not knows_numbers:
            ids = [number if isinstance(number, int) else -1 for number in numbers]
            if all(0 <= ids[id_] < len(self.names) for id_ in wanted):
                return torch.tensor([id_ if 0 <= id_ < len(self.names) else 0 for id_ in ids])
        if are_numbers or len(own.names) != len(self.names):
            raise DataError(self._unknown([own.names[id_] for id_ in wanted], source))
        given, known = map(", ".join, (own.names, self.names))
        if named:
            warn(
                gettext(
                    "{source}: the folders {given} are taken for the classes {known}, in this order.",
                    source=source,
                    given=given,
                    known=known,
                )
            )
        else:
            warn(
                gettext(
                    "{source}: the classes {given} are taken for the classes {known}, in this order.",
                    source=source,
                    given=given,
                    known=known,
                )
            )
        return None

    def _unknown(self, unknown: list[str], source: str) -> Message:
        return coded(
            "E-DATA-05",
            "{source}: expected classes of the network ({known}), got {unknown}. Leave them out; or learn "
            "all in a new network, with the weights of this one by load_weights(path, head=False).",
            source=source,
            known=", ".join(self.names),
            unknown=", ".join(map(repr, unknown[:_SHOWN])) + (", ..." if len(unknown) > _SHOWN else ""),
        )


def token_ids(own: Mapping[str, int] | None, known: Mapping[str, int] | None) -> torch.Tensor | None:
    """Return the id in a network's vocabulary of each token of data, int64; None where nothing changes.

    Raises:
        DataError: The network does not know a token.
    """
    if own is None or known is None or dict(own) == dict(known):
        return None
    return torch.from_numpy(renumbering(own, known, DataError))


def _are_bools(names: tuple[str, ...]) -> bool:
    return all(folded(name) in _BOOLS for name in names)


_YES = ("yes", "y", "positive", "on", "true", "是", "有", "对", "真", "阳性", "开")


def warn_of_bools(names: Sequence[str], source: str) -> None:
    """Say which class False is, where the first of two says yes: bools go by number, and False is 0."""
    if len(names) == 2 and folded(names[0]) in _YES:
        warn(
            gettext(
                "{source}: bools are class indices, so False is {first} and True is {second}. Where that is "
                "the wrong way round, give the names: np.where(y, {first}, {second}).",
                source=source,
                first=shortened(names[0]),
                second=shortened(names[1]),
            )
        )
