"""The `onnxnn` command: its list of commands, and the one place where errors become exit codes.

Exit code 0: done. 1: one of our errors, one line on stderr. 2: the command was typed wrong.
Results go to stdout, progress and notes to stderr. Nothing heavy is imported here, so that
`onnxnn --help` is quick and `onnxnn doctor` works where onnxruntime does not.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from typing import Any, Optional

import typer
import typer.core

from . import __version__
from .demo import demo
from .doctor import doctor
from .embed import embed
from .explain import explain
from .export import export
from .generate import generate
from .import_basenn import import_basenn
from .info import info
from .layers import layers
from .output import NoOutput, note
from .predict import predict
from .sample import sample
from .similarity import similarity
from .train import train
from .verify import verify

COMMANDS = (
    demo,
    train,
    export,
    info,
    verify,
    predict,
    embed,
    similarity,
    generate,
    sample,
    doctor,
    explain,
    layers,
    import_basenn,
)

# Typer's versions for Python 3.7 write "\\[required]" into plain help texts where the package rich is there.
for name, value in (("HAS_RICH", False), ("rich", None)):
    if hasattr(typer.core, name):
        setattr(typer.core, name, value)

app = typer.Typer(
    name="onnxnn",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in COMMANDS:
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"onnxnn {__version__}")
        raise typer.Exit()


@app.callback()
def common(
    version: Optional[bool] = typer.Option(
        None, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Train and export networks with torch; run them without."""


def main() -> None:
    """Run the command; turn our errors into one line on stderr and exit code 1."""
    _replace_what_streams_lack()
    warnings.showwarning = _show_warning
    try:
        app(prog_name="onnxnn")
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            _leave_quietly()  # whoever reads stdout has read enough, as `head` does
        if isinstance(error, MemoryError):
            note(
                "onnxnn: there is not enough memory for this; try a smaller --batch-size, or smaller inputs."
            )
            sys.exit(1)
        if not _is_ours(error):
            raise
        note("onnxnn: {}".format(" ".join(_message(error).split())))
        if _is_of_stdout(error):
            _leave_quietly()
        sys.exit(1)


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    """Print what a warning says; the place where it arose is one in our own code."""
    note("onnxnn: {}".format(" ".join(str(message).split())))


def _message(error: Exception) -> str:
    """Return what an error says; of the system's alone without its number."""
    if _is_of_stdout(error):
        return f"the output cannot be written to stdout: {error.strerror}."  # type: ignore[attr-defined]
    return str(error)


def _is_of_stdout(error: Exception) -> bool:
    """Return whether writing help or a version failed; every other file has a name, or an error of ours."""
    return type(error) is OSError and error.filename is None and bool(error.strerror)


def _is_ours(error: Exception) -> bool:
    """Return whether an error is meant for the user: ours, the system's, or a package that is missing.

    The tree is looked up instead of imported: importing it needs onnxruntime, which may be what is
    missing.
    """
    errors = sys.modules.get("onnxnn_runtime.errors")
    of_the_system = isinstance(error, (ImportError, OSError, NoOutput))
    return of_the_system or (errors is not None and isinstance(error, errors.OnnxnnError))


def _leave_quietly() -> None:
    """End with exit code 1; what is left in stdout's buffer goes nowhere instead of to a closed pipe."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


def _replace_what_streams_lack() -> None:
    """Let help and usage errors through on a console of any code page; results see to it themselves."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
