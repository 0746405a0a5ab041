"""The `onnxnn` command: its list of commands, and the one place where errors become exit codes.

Exit code 0: done. 1: one of our errors, told in one line on stderr. 2: the command was typed wrong.
Results go to stdout, progress and notes to stderr. Nothing heavy is imported here, so that
`onnxnn --help` is quick and `onnxnn doctor` works where onnxruntime does not.
"""

from __future__ import annotations

import sys
from typing import Optional

import typer

from . import __version__
from .demo import demo
from .doctor import doctor
from .embed import embed
from .export import export
from .generate import generate
from .import_basenn import import_basenn
from .info import info
from .layers import layers
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
    layers,
    import_basenn,
)

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
    _speak_utf8()
    try:
        app(prog_name="onnxnn")
    except Exception as error:
        if not _is_ours(error):
            raise
        print("onnxnn: {}".format(" ".join(str(error).split())), file=sys.stderr)
        sys.exit(1)


def _is_ours(error: Exception) -> bool:
    """Tell whether an error is meant for the user: of our tree, or a package that is not there.

    The tree is looked up instead of imported: importing it needs onnxruntime, which may be what is
    missing.
    """
    errors = sys.modules.get("onnxnn_runtime.errors")
    return isinstance(error, ImportError) or (errors is not None and isinstance(error, errors.OnnxnnError))


def _speak_utf8() -> None:
    """Print Chinese class names on a Windows console of any code page instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
