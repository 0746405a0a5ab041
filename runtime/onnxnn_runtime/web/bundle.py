"""The page of the server and its modules as one HTML text that loads nothing."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import re
from pathlib import Path
from typing import Mapping

from onnxnn_runtime.server.description import STATIC

_OWN = Path(__file__).with_name("static")
"""What stands in place of the server's files of the same names."""

_MODULES = (
    "texts.js",
    "dom.js",
    "api.js",
    "heat.js",
    "camera.js",
    "image.js",
    "results.js",
    "modes.js",
    "page.js",
)
"""Each after those that it imports."""

_IMPORT = re.compile(r"^import (\{[^}]*\}) from '\./([\w.]+)';$", re.MULTILINE)
_EXPORT = re.compile(r"^export (async function|function|class|const) (\w+)", re.MULTILINE)

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob:; style-src 'unsafe-inline'; "
    "img-src blob: data:; media-src blob:; worker-src blob:; connect-src blob:; base-uri 'none'; "
    "form-action 'none'"
)
"""What browsers may load for the page: nothing from elsewhere (https://www.w3.org/TR/CSP3/)."""


def page(facts: Mapping[str, object], files: Mapping[str, bytes]) -> str:
    """Return the HTML text.

    Args:
        facts: What the page knows about the model.
        files: What it runs, by the names under which its script finds them: packed with gzip, in base64.
    """
    icon = "data:image/svg+xml;base64," + _base64(_text("icon.svg").encode())
    head = [
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">',
        f"<style>\n{_text('page.css')}</style>",
    ]
    data = [
        _data("facts", "application/json", _json(facts)),
        _data("texts", "application/json", _json(_texts())),
        *(_data("packed-" + name, "text/plain", _packed(content)) for name, content in files.items()),
        f"<script>\n{_script()}</script>",
    ]
    text = _text("index.html")
    text = re.sub(r'<link rel="stylesheet"[^>]*>\n', "", text)
    text = re.sub(r'<script type="module"[^>]*></script>\n', "", text)
    text = re.sub(r' *<a class="quiet" href="/docs"[^>]*></a>\n', "", text)
    text = text.replace("/static/icon.svg", icon)
    text = text.replace("</head>", "\n".join([*head, "</head>"]))
    return text.replace("</body>", "\n".join([*data, "</body>"]))


def holdable(name: str) -> str:
    """Return a file's name as a page can hold it: bytes that are not UTF-8 become escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _text(name: str) -> str:
    own = _OWN / name
    return (own if own.exists() else STATIC / name).read_text(encoding="utf-8")


def _texts() -> dict[str, object]:
    """Return the server's texts, with those that differ here."""
    files = (STATIC / "texts.json", _OWN / "texts.json")
    shared, own = (json.loads(path.read_text(encoding="utf-8")) for path in files)
    return {**shared, **own}


def _script() -> str:
    """Return all modules as one script: each is a function that returns what it exports."""
    parts = ["const modules = {};"]
    for name in _MODULES:
        text = _IMPORT.sub(lambda found: f"const {found[1]} = modules['{found[2]}'];", _text(name))
        exported = ", ".join(found[2] for found in _EXPORT.finditer(text))
        text = _EXPORT.sub(r"\1 \2", text)
        parts.append(f"modules['{name}'] = (() => {{\n{text}return {{ {exported} }};\n}})();")
    return "\n".join(parts) + "\n"


def _data(name: str, kind: str, text: str) -> str:
    return f'<script type="{kind}" id="{name}">{text}</script>'


def _packed(content: bytes) -> str:
    """Return what the script unpacks; the same for the same content."""
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=9, mtime=0) as packed:
        packed.write(content)
    return _base64(file.getvalue())


def _json(data: object) -> str:
    """Return JSON without what would end the element that holds it."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
