"""The application of the studio: what its page asks, answered beside the calls of `onnxnn serve`."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from onnxnn_runtime.errors import InputError, OnnxnnError
from onnxnn_runtime.files.access import PathLike
from onnxnn_runtime.messages.catalogue import CHINESE, language
from onnxnn_runtime.server import api
from onnxnn_runtime.server.app import create_app, serve_file
from onnxnn_runtime.server.asked import Asked, read
from onnxnn_runtime.server.content import as_json
from onnxnn_runtime.server.description import described
from onnxnn_runtime.server.errors import Conflict
from onnxnn_runtime.server.images import check_image
from onnxnn_runtime.server.page import STATIC, page_response, static_file
from onnxnn_runtime.server.settings import ServerSettings
from onnxnn_runtime.server.state import ServerState
from onnxnn_runtime.server.threads import in_thread
from onnxnn_runtime.server.thumbnails import small_jpeg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .exports import exported
from .photos import as_jpeg
from .project import Project
from .recipe_text import MOST_EPOCHS, PACKAGE, chosen_network
from .reporting import report_page
from .training import LEAST_IMAGES, Training

__all__ = ["OWN", "Studio", "studio_app"]

OWN = Path(__file__).with_name("static")
"""The folder of the page's own files; the others are those of `onnxnn serve`."""


_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
"""What browsers may load for a report: nothing, since it holds all that it shows."""

_MOST_REPORTS = 4
"""Reports that are kept in memory, the newest ones."""


class Studio:
    """What the page asks of one project.

    Args:
        project: The project, which is open.
        ort: The folder of onnxruntime-web, as for `write_page`.
    """

    def __init__(self, project: Project, ort: PathLike | None = None) -> None:
        self._project = project
        self._ort = ort
        self._training = Training(project, self._serve_model)
        self._state: ServerState | None = None
        self._network = chosen_network()
        self._reports: dict[str, bytes] = {}

    def routes(self, state: ServerState) -> Sequence[Route]:
        """Return the routes of the page."""
        posts = {
            "/studio/classes": self._add_class,
            "/studio/classes/rename": self._rename_class,
            "/studio/classes/remove": self._remove_class,
            "/studio/images": self._add_images,
            "/studio/images/remove": self._remove_images,
            "/studio/train": self._train,
            "/studio/stop": self._stop,
            "/studio/report": self._report,
        }
        gets = {
            "/": self._page,
            "/static/{name}": self._static,
            "/studio/project": self._facts,
            "/studio/image": self._image,
            "/studio/export/{kind}": self._export,
        }
        return [
            *(Route(path, call) for path, call in gets.items()),
            *(Route(path, call, methods=["POST"]) for path, call in posts.items()),
        ]

    @contextlib.asynccontextmanager
    async def running(self, state: ServerState) -> AsyncIterator[None]:
        """Serve the model of an earlier training, and end the training with the server."""
        self._state = state
        state.concealed[str(self._project.folder) + os.sep] = ""
        if self._project.model.is_file():
            with contextlib.suppress(OnnxnnError):  # a damaged file is replaced by the next training
                await self._serve_model()
        try:
            yield
        finally:
            await self._training.close()

    async def _serve_model(self) -> None:
        if self._state is not None:
            await serve_file(str(self._project.model), self._state)

    async def _page(self, request: Request) -> Response:
        return static_file("studio.html", (OWN,))

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name == "texts.json":
            return page_response(_texts(), "application/json")
        if name in self._reports:
            return page_response(self._reports[name], "text/html", _REPORT_POLICY)
        return static_file(name, (OWN, STATIC))

    async def _facts(self, request: Request) -> Response:
        """Answer with all that the page shows, which it asks for every second."""
        project, progress = self._project, self._training.progress
        classes = await in_thread(None, project.classes)
        is_changed = await in_thread(None, project.is_changed)
        state: ServerState = request.app.state.onnxnn
        served = state.models.get(project.model.stem)
        return as_json(
            {
                "name": project.name,
                "classes": [{"name": each.name, "images": list(each.images)} for each in classes],
                "least_images": LEAST_IMAGES,
                "network": self._network.name,
                "package": None if self._network.name == "efficientnet_lite0" else PACKAGE,
                "epochs": self._network.epochs,
                "training": {
                    "phase": progress.phase,
                    "epochs": progress.epochs,
                    "share": progress.share,
                    "rows": progress.rows,
                    "error": progress.error,
                    "is_stopping": progress.is_stopping,
                },
                "model": None if served is None else described(served.name, served.kind, served.state),
                "is_changed": is_changed,
            }
        )

    async def _add_class(self, request: Request) -> Response:
        asked = await self._asked(request, "name")
        name = await in_thread(None, partial(self._project.add_class, asked.options.get("name")))
        return as_json({"name": name})

    async def _rename_class(self, request: Request) -> Response:
        asked = await self._asked(request, "name", "to")
        self._check_idle()
        given = (asked.options.get("name"), asked.options.get("to"))
        return as_json({"name": await in_thread(None, partial(self._project.rename_class, *given))})

    async def _remove_class(self, request: Request) -> Response:
        asked = await self._asked(request, "name")
        self._check_idle()
        await in_thread(None, partial(self._project.remove_class, asked.options.get("name")))
        return as_json({})

    async def _add_images(self, request: Request) -> Response:
        """Keep images of a class: all of a request, or those before the first that is none."""
        asked = await self._asked(request, "class")
        name, settings = asked.options.get("class"), request.app.state.onnxnn.settings
        given = [each for each in asked.inputs if isinstance(each, bytes)]
        if not given:
            raise InputError.coded("E-CALL-02", "expected an image, got none. Choose a file.")

        def keep() -> list[str]:
            return [self._project.add_image(name, as_jpeg(each, settings)) for each in given]

        return as_json({"images": await in_thread(None, keep)})

    async def _remove_images(self, request: Request) -> Response:
        asked = await self._asked(request, "class", "images")
        self._check_idle()
        images = asked.options.get("images")
        if not isinstance(images, list):
            raise InputError.coded(
                "E-CALL-03", "images: expected a list of names of files. Send those that are shown."
            )
        call = partial(self._project.remove_images, asked.options.get("class"), images)
        await in_thread(None, call)
        return as_json({})

    async def _image(self, request: Request) -> Response:
        """Answer with an image, small."""
        asked, settings = request.query_params, request.app.state.onnxnn.settings

        def small() -> bytes:
            data = self._project.image(asked.get("class"), asked.get("name"))
            check_image(data, settings)
            try:
                return small_jpeg(data)
            except Exception as error:  # Pillow raises many kinds for broken files
                raise InputError.coded(
                    "E-INPUT-09",
                    "{name}: this image is broken. Remove it.",
                    name=f"{asked.get('class')}/{asked.get('name')}",
                ) from error

        jpeg = await in_thread(None, small)
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    async def _train(self, request: Request) -> Response:
        asked = await self._asked(request, "epochs")
        epochs = asked.integer("epochs", MOST_EPOCHS) or self._network.epochs
        await self._training.start(self._network, epochs)
        return as_json({})

    async def _stop(self, request: Request) -> Response:
        await self._asked(request)
        await self._training.stop()
        return as_json({})

    async def _export(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        media_type, content = await in_thread(None, partial(exported, self._project, kind, self._ort))
        name = quote(f"{self._project.name}.{kind}", safe="", errors="replace")
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(content, media_type=media_type, headers=headers)

    async def _report(self, request: Request) -> Response:
        """Answer with the address of a report, which nobody guesses: browsers send no token with it."""
        await self._asked(request)
        lang = "zh" if language() == CHINESE else "en"
        page = await in_thread(None, partial(report_page, self._project, lang))
        name = f"report-{secrets.token_urlsafe(16)}.html"
        while len(self._reports) >= _MOST_REPORTS:
            del self._reports[next(iter(self._reports))]
        self._reports[name] = page.encode("utf-8")
        return as_json({"address": f"/static/{name}"})

    async def _asked(self, request: Request, *known: str) -> Asked:
        asked = await read(request, request.app.state.onnxnn.settings)
        asked.check_options(known)
        return asked

    def _check_idle(self) -> None:
        """Refuse to take images away from a training that reads them.

        Raises:
            Conflict: One runs.
        """
        if self._training.progress.is_running:
            raise Conflict.coded(
                "E-STUDIO-03",
                "a training reads these images. Wait until it has finished, or stop it.",
            )


def studio_app(project: Project, settings: ServerSettings, ort: PathLike | None = None) -> Starlette:
    """Return the application.

    Args:
        project: The project, which is open as long as the application runs.
        settings: Address, token, limits.
        ort: The folder of onnxruntime-web, as for `write_page`.
    """
    studio = Studio(project, ort)
    return create_app([], settings, [studio.running], [api.routes, studio.routes])


def _texts() -> bytes:
    """Return the texts of the server's page and the studio's own."""
    both: dict[str, Mapping[str, str]] = {}
    for folder in (STATIC, OWN):
        file = "texts.json" if folder is STATIC else "studio-texts.json"
        both.update(json.loads((folder / file).read_text(encoding="utf-8")))
    return json.dumps(both, ensure_ascii=False).encode("utf-8")
