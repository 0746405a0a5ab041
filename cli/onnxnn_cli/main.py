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
from typing import Any, Callable, Dict, Optional

import typer
import typer.core

from . import (
    __version__,
    bench,
    demo,
    doctor,
    embed,
    explain,
    export,
    gallery,
    generate,
    import_basenn,
    info,
    layers,
    predict,
    quantize,
    report,
    sample,
    serve,
    similarity,
    studio,
    targets,
    teach,
    train,
    verify,
    web,
)
from .output import NoOutput, note
from .text import Message, coded, gettext, runtime_module
from .usage import ClickError, Command, Group, show_click_error

COMMANDS: Dict[Callable[..., None], str] = {
    demo.demo: demo.HELP,
    train.train: train.HELP,
    export.export: export.HELP,
    quantize.quantize: quantize.HELP,
    info.info: info.HELP,
    verify.verify: verify.HELP,
    predict.predict: predict.HELP,
    report.report: report.HELP,
    embed.embed: embed.HELP,
    teach.teach: teach.HELP,
    similarity.similarity: similarity.HELP,
    generate.generate: generate.HELP,
    sample.sample: sample.HELP,
    serve.serve: serve.HELP,
    web.web: web.HELP,
    studio.studio: studio.HELP,
    bench.bench: bench.HELP,
    targets.targets: targets.HELP,
    doctor.doctor: doctor.HELP,
    explain.explain: explain.HELP,
    layers.layers: layers.HELP,
    import_basenn.import_basenn: import_basenn.HELP,
}
"""Command -> its help text, in the language of the user."""

GROUPS: Dict[str, str] = {"gallery": gallery.HELP}
"""Commands that have commands of their own."""

# Typer's versions for Python 3.7 write "\\[required]" into plain help texts where the package rich is there.
for name, value in (("HAS_RICH", False), ("rich", None)):
    if hasattr(typer.core, name):
        setattr(typer.core, name, value)

app = typer.Typer(
    name="onnxnn",
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command, text in COMMANDS.items():
    app.command(cls=Command, help=text)(command)

group = typer.Typer(cls=Group, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
for name, command in gallery.COMMANDS.items():
    group.command(name, cls=Command, help=gallery.HELPS[name])(command)
app.add_typer(group, name="gallery", help=gallery.HELP)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(" ".join(("onnxnn", __version__)))
        raise typer.Exit()


@app.callback(help=gettext("Train and export networks with torch; run them without."))
def common(
    version: Optional[bool] = typer.Option(
        None, "--version", callback=_version, is_eager=True, help=gettext("Print the version and stop.")
    ),
) -> None:
    """Train and export networks with torch; run them without."""


def main() -> None:
    """Run the command; turn our errors into one line on stderr and exit code 1."""
    _replace_what_streams_lack()
    warnings.showwarning = _show_warning
    try:
        code = app(prog_name="onnxnn", standalone_mode=False)  # the code that a command ended with, if any
    except typer.Abort:
        _say(gettext("aborted."))
        sys.exit(1)
    except ClickError as error:
        sys.exit(show_click_error(error))
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            _leave_quietly()  # whoever reads stdout has read enough, as `head` does
        if isinstance(error, MemoryError):
            _say(_with_code(_too_little_memory()))
            sys.exit(1)
        if not _is_ours(error):
            raise
        if _is_left_to_others(error):
            sys.exit(1)
        _say(_message(error))
        if _is_of_stdout(error):
            _leave_quietly()
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _show_warning(message: object, *_: object, **__: object) -> None:
    """Print what a warning says; the place where it arose is one in our own code."""
    _say(str(message))


def _say(text: str) -> None:
    """Print a message in one line after the command's name."""
    note("onnxnn: {}".format(" ".join(text.split())))


def _message(error: Exception) -> str:
    """Return what an error says, with its code; of the system's alone without its number."""
    if _is_of_stdout(error):
        reason = runtime_module("messages.system").system_reason(error)
        return _with_code(
            coded(
                "E-OUTPUT-01",
                "the output cannot be written to stdout: {reason}."
                " Write it into a file, or free space on the disk.",
                reason=reason,
            )
        )
    text: Any = error.args[0] if error.args else ""
    if hasattr(text, "code") and isinstance(error, (ImportError, NoOutput)):
        return _with_code(text)
    return str(error)


def _with_code(message: Message) -> str:
    return f"{message} [{message.code}]"


def _too_little_memory() -> Message:
    return coded("E-MEMORY-01", "there is not enough memory. Use a smaller --batch-size, or smaller inputs.")


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


def _is_left_to_others(error: Exception) -> bool:
    """Return whether another process of the same training says so; see onnxnn_runtime.messages.shown_once."""
    shown_once: Any = sys.modules.get("onnxnn_runtime.messages.shown_once")
    return shown_once is not None and bool(shown_once.is_left_to_others(error))


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
