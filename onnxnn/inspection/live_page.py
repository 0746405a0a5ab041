"""A training as one HTML page, without anything from outside: curves, mistakes, filters, sampled images."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from onnxnn_runtime.messages import catalogue
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from PIL import Image

from .curves import curves
from .mistakes import Mistakes

__all__ = ["LivePage", "as_html"]

Array = np.ndarray[Any, Any]

REFRESH = 2
"""Seconds after which an open page loads the file again."""

_SIDE = 112  # pixels of a mistake's longer side


@dataclass(frozen=True, eq=False)
class LivePage:
    """What a page shows.

    Args:
        title: What is trained.
        history: A dict for each epoch.
        epochs: How many epochs there are to be.
        ending: How training ended, "" while it runs.
        stale_after: After how many seconds without a new page an open one gives up.
        mistakes: What the network gets wrong, where it classifies images.
        filters: An image of the first layer's weights, where it has some.
        samples: A PNG file of images that a diffusion model sampled, in bytes.
    """

    title: str
    history: Sequence[Mapping[str, float]]
    epochs: int
    ending: str
    stale_after: float
    mistakes: Mistakes | None = None
    filters: Image.Image | None = None
    samples: bytes = b""

    def fragment(self) -> str:
        """Return what stands in the page's body, which a notebook shows by itself."""
        return "".join(
            [
                f"<style>{_STYLE}</style>",
                f'<div class="onnxnn-live"><h1>{escape(self.title)}</h1><p>{escape(self._state())}</p>',
                _section(gettext("Curves"), f'<div class="row">{curves(self.history)}</div>'),
                self._mistakes(),
                _section(gettext("Sampled images"), _image(self.samples) if self.samples else ""),
                _section(gettext("Weights of the first layer"), _image(_png(self.filters))),
                "</div>",
            ]
        )

    def _state(self) -> str:
        done = len(self.history) and int(self.history[-1]["epoch"])
        text = gettext("epoch {epoch} of {epochs}", epoch=done, epochs=self.epochs)
        return f"{text} · {self.ending or gettext('training')}"

    def _mistakes(self) -> str:
        found = self.mistakes
        if found is None:
            return ""
        of = gettext("validation") if found.validated else gettext("training")
        line = ngettext(
            "{wrong} of {count} image of the {of} data is wrong; the surest mistakes:",
            "{wrong} of {count} images of the {of} data are wrong; the surest mistakes:",
            found.seen,
            wrong=found.wrong,
            of=of,
        )
        tiles = "".join(
            f"<figure>{_image(_png(_enlarged(each.image)))}<figcaption>"
            f"{escape(gettext('taken for {given} ({score:.0%})', given=each.given, score=each.score))}<br>"
            f"{escape(gettext('is {expected}', expected=each.expected))}</figcaption></figure>"
            for each in found.found
        )
        return _section(gettext("Mistakes"), f'<p>{escape(line)}</p><div class="row small">{tiles}</div>')


def as_html(page: LivePage) -> str:
    """Return a page as a whole file; it loads itself again while training runs."""
    script = ""
    if not page.ending:
        written, stale = int(time.time() * 1000), int(page.stale_after * 1000)
        script = (
            f"<script>if(Date.now()-{written}<{stale})"
            f"setTimeout(function(){{location.reload()}},{1000 * REFRESH});</script>"
        )
    return (
        f'<!doctype html><html lang="{catalogue.language().replace("_", "-")}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(page.title)}</title>{script}</head><body>{page.fragment()}</body></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _image(png: bytes) -> str:
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(png).decode()}">' if png else ""


def _png(image: Image.Image | None) -> bytes:
    if image is None:
        return b""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _enlarged(image: Array) -> Image.Image:
    """Return float (C, H, W) in 0..1 as an image whose longer side has `_SIDE` pixels."""
    pixels = np.clip(np.moveaxis(image, 0, -1) * 255 + 0.5, 0, 255).astype(np.uint8)
    shown = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    scale = _SIDE / max(shown.size)
    size = max(1, round(shown.width * scale)), max(1, round(shown.height * scale))
    return shown.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX)


_STYLE = (
    ".onnxnn-live{font:15px/1.5 system-ui,sans-serif;color:#14181f;background:#fff;max-width:1160px;"
    "margin:0 auto;padding:8px 16px}"
    ".onnxnn-live h1{font-size:20px;margin:8px 0}"
    ".onnxnn-live h2{font-size:16px;margin:16px 0 4px}"
    ".onnxnn-live p{margin:4px 0}"
    ".onnxnn-live .row{display:flex;flex-wrap:wrap;gap:16px}"
    ".onnxnn-live .small{gap:12px}"
    ".onnxnn-live figure{margin:0}"
    ".onnxnn-live figcaption{font-size:13px}"
    ".onnxnn-live img{max-width:100%}"
    ".onnxnn-live svg{width:440px;max-width:100%;height:auto}"
    ".onnxnn-live .box{fill:#fafbfc;stroke:#d0d7de}"
    ".onnxnn-live text{font:12px sans-serif;fill:#57606a}"
)
