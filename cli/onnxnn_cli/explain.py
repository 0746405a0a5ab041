"""`onnxnn explain`: what a code of an error means, with an example and what to do."""

from __future__ import annotations

from typing import Dict, Mapping

import typer

from .options import JSON
from .output import print_json, print_text
from .text import gettext

HELP = gettext("Explain the code of an error: cause, example, remedy.\n\nExample: onnxnn explain E-LAYER-03")
"""The help text."""


def explain(
    code: str = typer.Argument(
        ..., metavar="CODE", help=gettext('The code at the end of an error, such as E-LAYER-03, or "all".')
    ),
    as_json: bool = JSON,
) -> None:
    """Explain the code of an error: cause, example, remedy."""
    from onnxnn_runtime.errors import InputError, name_hint
    from onnxnn_runtime.messages.codes import CODES
    from onnxnn_runtime.messages.shorten import shortened

    wanted = code.strip().strip("[]").upper()
    if wanted not in CODES and wanted != "ALL":
        raise InputError.coded(
            "E-INPUT-06",
            "explain: expected the code of an error, such as E-LAYER-03, got {code}{guess} "
            "See onnxnn explain all.",
            code=shortened(code),
            guess=name_hint(wanted, CODES),
        )
    found = [_explained(each) for each in (CODES if wanted == "ALL" else [wanted])]
    if as_json:
        print_json(found if wanted == "ALL" else found[0])
    elif wanted == "ALL":
        print_text("\n".join(f"{each['code']:<16}{each['title']}" for each in found))
    else:
        print_text(_text(found[0]))


def _explained(code: str) -> Dict[str, str]:
    from onnxnn_runtime.messages.codes import CODES

    from . import explanations_running, explanations_training

    more = {**explanations_training.EXPLANATIONS, **explanations_running.EXPLANATIONS}[code]
    return {
        "code": code,
        "title": gettext(CODES[code]),
        "cause": gettext(more.cause),
        "example": more.example,
        "remedy": gettext(more.remedy),
    }


def _text(explained: Mapping[str, str]) -> str:
    example = "\n".join("    " + line for line in explained["example"].splitlines())
    return "\n\n".join(
        (
            gettext("{where}: {error}", where=explained["code"], error=explained["title"]),
            gettext("Cause: {text}", text=explained["cause"]),
            gettext("Example:\n\n{code}", code=example),
            gettext("What to do: {text}", text=explained["remedy"]),
        )
    )
