"""What the parts of a server share: `app.state.onnxnn`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Mapping

from onnxnn_runtime.errors import name_hint
from onnxnn_runtime.messages.shorten import shortened

from .access_log import AccessLog
from .errors import BadRequest, Overloaded, Unavailable, UnknownModel
from .metrics import Metrics
from .settings import ServerSettings

if TYPE_CHECKING:
    from .search import GallerySearch
    from .served import Served

__all__ = ["ServerState"]


@dataclass
class ServerState:
    """The models, settings, gallery and counters of one server.

    Args:
        models: Each by its name, in the order of the command line.
        settings: What the server was started with.
        metrics: What `/metrics` prints.
        gallery: What `/search` looks in, or None.
        access_log: Where requests are logged.
        concealed: What stands in messages in place of other paths of this machine, by path.
    """

    models: dict[str, Served]
    settings: ServerSettings
    metrics: Metrics
    gallery: GallerySearch | None = None
    access_log: AccessLog = field(default_factory=AccessLog)
    concealed: dict[str, str] = field(default_factory=dict)

    @property
    def hidden(self) -> Mapping[str, str]:
        """The path of each model's file, which clients need not know, and its name; and others."""
        return {**{served.path: name for name, served in self.models.items()}, **self.concealed}

    def model(self, name: object = None) -> Served:
        """Return a model by its name; None is the only one.

        Raises:
            UnknownModel: There is none of this name.
            BadRequest: There are several, and the request names none.
            Unavailable: There is none at all.
        """
        if not self.models:
            raise Unavailable.coded("E-SERVER-01", "no model is served yet. Wait until there is one.")
        if name is None or name == "":
            if len(self.models) == 1:
                return next(iter(self.models.values()))
            raise BadRequest.coded(
                "E-SERVER-01",
                "model: expected the name of a model, since several are served. Choose from {names}.",
                names=", ".join(self.models),
            )
        found = self.models.get(name) if isinstance(name, str) else None
        if found is None:
            raise UnknownModel.coded(
                "E-SERVER-01",
                "model={name}: no model of this name is served{hint} There are {names}.",
                name=shortened(name),
                hint=name_hint(name, self.models),
                names=", ".join(self.models),
            )
        return found

    def check_free(self) -> None:
        """Refuse a request whichever model it is for, before its body is read.

        Raises:
            Overloaded: There are models, and none can take one.
        """
        refused = None
        for served in self.models.values():
            try:
                return served.lanes.check_free()
            except Overloaded as error:
                refused = error
        if refused is not None:
            raise refused

    def chosen(self, name: object, call: str) -> Served:
        """Return the model for a call; without a name the only one that has it.

        Args:
            name: What the request says.
            call: "predict", "embed", "generate" or "sample".

        Raises:
            UnknownModel: There is none of this name, or none that has the call.
            BadRequest: There are several, and the request names none.
        """
        if name is not None and name != "":
            return self.model(name)
        able = [each for each in self.models.values() if each.does(call)]
        if len(able) == 1:
            return able[0]
        return self.model(None)
