"""Runs on a GPU whose arrays have a place there that is used again: ONNX Runtime's IO binding.

A plain run allocates memory on the GPU for each input and frees it afterwards. Here inputs of the same shape
are copied into the same place, run after run: the batches of many images, and the steps of a diffusion model.
https://onnxruntime.ai/docs/performance/tune-performance/iobinding.html
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

if TYPE_CHECKING:
    from typing import Protocol  # of Python 3.8

    from .onnxruntime_session import NodeArg

    class Binding(Protocol):
        """ONNX Runtime's IOBinding."""

        def bind_ortvalue_input(self, __name: str, __value: object) -> None: ...
        def bind_output(self, __name: str, __kind: str, __number: int) -> None: ...
        def clear_binding_inputs(self) -> None: ...
        def clear_binding_outputs(self) -> None: ...
        def copy_outputs_to_cpu(self) -> Sequence[Any]: ...

    class Bindable(Protocol):
        """What is used of ONNX Runtime's sessions here."""

        def get_inputs(self) -> Sequence[NodeArg]: ...
        def get_outputs(self) -> Sequence[NodeArg]: ...
        def io_binding(self) -> Binding: ...
        def run_with_iobinding(self, __binding: Binding, __options: object = None) -> None: ...


class BoundRuns:
    """Runs of one session, each with places of its own; several threads may run at once.

    Args:
        module: ONNX Runtime.
        session: Of it.
        kind: What ONNX Runtime calls the device, e.g. "cuda".
        number: Which of them.
    """

    def __init__(self, module: ModuleType, session: Bindable, kind: str, number: int) -> None:
        self._module = module
        self._session = session
        self._kind = kind
        self._number = number
        self._free: list[_Places] = []

    def run(
        self, outputs: Sequence[str], feeds: Mapping[str, np.ndarray], options: object = None
    ) -> list[Any]:
        """Run the session.

        Args:
            outputs: Names of the outputs to compute.
            feeds: An array of numbers for each input.
            options: ONNX Runtime's RunOptions; None takes its default.

        Returns:
            The outputs, copied from the device.
        """
        try:
            places = self._free.pop()
        except IndexError:
            places = _Places(self._session.io_binding())
        places.put(self._module, feeds, self._kind, self._number)
        places.binding.clear_binding_outputs()  # the next run may have other shapes
        for name in outputs:
            places.binding.bind_output(name, self._kind, self._number)
        self._session.run_with_iobinding(places.binding, options)
        found = list(places.binding.copy_outputs_to_cpu())
        self._free.append(places)  # those of a run that failed are not used again
        return found


class _Places:
    """The places of the inputs of one run at a time."""

    def __init__(self, binding: Binding) -> None:
        self.binding = binding
        self._held: dict[str, tuple[object, Any]] = {}

    def put(self, module: ModuleType, feeds: Mapping[str, np.ndarray], kind: str, number: int) -> None:
        """Copy arrays to the device, into the places of those before where they have the same shapes."""
        if set(self._held) - set(feeds):  # an input that has a default is left out this time
            self.binding.clear_binding_inputs()
            self._held = {}
        for name, array in feeds.items():
            array = np.ascontiguousarray(array)
            form = (array.shape, array.dtype)
            before, value = self._held.get(name, (None, None))
            if before == form and array.size:
                value.update_inplace(array)
                continue
            # A copy, since on the processor ONNX Runtime would take the array itself for the place.
            value = module.OrtValue.ortvalue_from_numpy(array.copy(), kind, number)
            self.binding.bind_ortvalue_input(name, value)
            self._held[name] = form, value


def can_bind(module: ModuleType, session: Bindable) -> bool:
    """Return whether an ONNX Runtime has what is needed here, and a session has tensors of numbers alone.

    Args:
        module: ONNX Runtime.
        session: Of it.
    """
    value = getattr(module, "OrtValue", None)
    if not all(hasattr(value, name) for name in ("ortvalue_from_numpy", "update_inplace")):
        return False
    values = [*session.get_inputs(), *session.get_outputs()]
    return all(each.type.startswith("tensor(") and each.type != "tensor(string)" for each in values)
