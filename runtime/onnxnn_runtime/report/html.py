"""Pieces of the page: whatever they are given is text, never markup, unless it is `Html`."""

from __future__ import annotations

import base64
from html import escape
from typing import Iterable, Mapping, Sequence

from onnxnn_runtime.messages.shorten import WHOLE, printable

from .thumbnails import Thumbnail


class Html(str):
    """Text that is HTML already."""


def text(value: object) -> Html:
    """Return what is shown of a value, in one line, with all markup escaped; sentences stay whole."""
    return value if isinstance(value, Html) else Html(escape(printable(str(value), WHOLE)))


def element(name: str, *content: object, **attributes: object) -> Html:
    """Return an element with its content.

    Args:
        name: Of the element.
        content: Texts, and `Html`.
        attributes: A trailing underscore and underscores inside become what HTML has: class_, data_x.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items()
    )
    return Html(f"<{name}{given}>{''.join(map(text, content))}</{name}>")


def joined(parts: Iterable[object]) -> Html:
    """Return several pieces after each other."""
    return Html("".join(map(text, parts)))


def table(headings: Sequence[object], rows: Iterable[Sequence[object]], class_: str = "plain") -> Html:
    """Return a table that scrolls sideways where it is too wide."""
    head = element("tr", *(element("th", each, scope="col") for each in headings))
    body = joined(element("tr", *(element("td", each) for each in row)) for row in rows)
    return element(
        "div",
        element("table", element("thead", head), element("tbody", body), class_=class_),
        class_="scroll",
    )


def tile(figure: str, label: str, more: str = "") -> Html:
    """Return one of the large figures at the top."""
    return element(
        "div",
        element("div", figure, class_="figure"),
        element("div", label, class_="label"),
        element("div", more, class_="more") if more else "",
        class_="tile",
    )


def section(title: str, *content: object) -> Html:
    """Return a part of the page with its heading."""
    return element("section", element("h2", title), *content)


def bar(value: float) -> Html:
    """Return a share with a bar of its length."""
    inside = element("span", f"{value:.1%}", class_="share")
    length = element("span", "", class_="bar", style=f"width:{100 * min(max(value, 0), 1):.1f}%")
    return element("span", length, inside, class_="meter")


def image_element(images: Mapping[str, object], name: str) -> Html:
    """Return the small image of a sample; nothing where there is none."""
    found = images.get(name)
    if not isinstance(found, Thumbnail):
        return Html("")
    content = base64.b64encode(found.data).decode("ascii")
    kind = "tiny" if found.is_tiny else "photo"
    source = f"data:{found.media_type};base64,{content}"
    return Html(f'<img class="{kind}" alt="{text(name)}" src="{source}">')


def document(language: str, title: str, style: str, body: object) -> str:
    """Return a whole page, which may load nothing."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{style}</style>"
    )
    return f'<!DOCTYPE html>\n<html lang="{language}"><head>{head}</head><body>{text(body)}</body></html>\n'
