"""Calls of a model that say why it answers as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .api.options import takes_by_name
from .errors import InputError
from .inputs.options import ReadOptions
from .opened import Opened

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .heatmap import HeatMap
    from .inputs.options import Reading


class Explaining(Opened):
    """The calls of a `Model` that say why it answers as it does: its graph has the output `heatmap`."""

    @takes_by_name(ReadOptions)
    def heatmap(self, image: object, label: object = None, **options: Unpack[Reading]) -> HeatMap:
        """Return where the model looks in one image: `draw()` and `save("heat.png")` show it.

            model.heatmap("cat.jpg").save("heat.png")

        Args:
            image: As for `predict`, one image.
            label: The class to explain, by name or index; None takes the best one.
            errors, batch_size, progress, channel_order: See `onnxnn_runtime.inputs.options.ReadOptions`.

        Raises:
            CardError: The file has no heat map; the message says how to export one.
            InputError: It is no image, or more than one; or there is no such class.
        """
        found = self.heatmaps(image, label, **options)
        if len(found) != 1:
            raise InputError.coded(
                "E-INPUT-05",
                "heatmap(): expected one image, got {count}. Use heatmaps() for several.",
                count=len(found),
            )
        return found[0]

    @takes_by_name(ReadOptions)
    def heatmaps(self, images: object, label: object = None, **options: Unpack[Reading]) -> list[HeatMap]:
        """Return where the model looks in each of many images.

        Args:
            images, label, errors, batch_size, progress, channel_order: As for `heatmap` and `predict`.

        Returns:
            One `HeatMap` per image, in order; those that `errors="skip"` leaves out are missing.

        Raises:
            CardError, InputError: As for `heatmap`.
        """
        asked = ReadOptions(**options)
        from .heatmap import OUTPUT, check_maps, heat_maps  # here, so that other models open without it

        card = check_maps(self.card, self.name, OUTPUT in self.outputs)
        return heat_maps(self._engine, card, images, label, asked)
