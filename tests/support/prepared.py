"""Processes like `python -m onnxnn_cli ...` that start at once: forks of one that has imported torch.

    done = run_python(["-m", "onnxnn_cli", "info", "a.onnx"], cwd=folder)

Importing torch takes longer than most tests. One process, which imports what others made and nothing of
ours, forks for each call; the fork has its own folder, environment, streams and exit code, and imports our
packages itself. Where Python cannot fork safely, or its own settings change, a new interpreter runs instead.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

HEAVY = ("numpy", "PIL.Image", "typer", "yaml", "onnx", "tqdm", "torch", "torch.utils.data")
"""Not ONNX Runtime, which starts a thread for which a fork would wait at its end."""

ONLY_AT_START = ("PYTHON", "OMP_", "LANG", "LC_")
"""How variables begin that an interpreter, or a package that is imported already, reads when it starts."""


def run_interpreter(arguments, cwd, **environment):
    """Run Python in a process that starts from nothing.

    Returns:
        subprocess.CompletedProcess with stdout and stderr as text; stdin is empty.
    """
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=str(cwd),
        env=settings(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def settings(changes):
    """Return the environment of a process whose texts are UTF-8, with changes."""
    return {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "", **changes}


def run_python(arguments, cwd, **environment):
    """Run Python as `run_interpreter` does: `-m module`, `-c code` or a script, each after `-W error` too."""
    if sys.platform != "linux" or any(name.startswith(ONLY_AT_START) for name in environment):
        return run_interpreter(arguments, cwd, **environment)
    arguments = [str(each) for each in arguments]
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("stdout", "stderr")]
        call = {"arguments": arguments, "cwd": str(cwd), "environment": settings(environment), "files": files}
        process = prepared()
        process.stdin.write(json.dumps(call) + "\n")
        process.stdin.flush()
        code = int(process.stdout.readline())
        texts = [Path(file).read_text(encoding="utf-8") for file in files]
    return subprocess.CompletedProcess(arguments, code, *texts)


@functools.lru_cache(maxsize=None)
def prepared():
    """Return the process that forks; it ends with this one."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        env=settings({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    atexit.register(process.communicate)
    return process


def serve():
    """Fork for each line of stdin, and answer with the exit code; a fork returns what it is to run."""
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        call = json.loads(line)
        child = os.fork()
        if child == 0:
            return call
        status = os.waitpid(child, 0)[1]
        print(
            -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
            file=answers,
            flush=True,
        )
    return None


def take(call):
    """Give this process the folder, the environment and the streams of a call."""
    os.chdir(call["cwd"])
    os.environ.clear()
    os.environ.update(call["environment"])
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # it stays open to the end
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(call["files"][number - 1], os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)
        errors = "strict" if number == 1 else "backslashreplace"
        stream = open(number, "w", encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def execute(arguments):
    """Do what Python does with its arguments."""
    if arguments[:2] == ["-W", "error"]:
        warnings.simplefilter("error")
        arguments = arguments[2:]
    how, *rest = arguments
    if how == "-m":
        sys.path[0], sys.argv = os.getcwd(), rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif how == "-c":
        sys.path[0], sys.argv = "", ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), sys.modules["__main__"].__dict__)
    else:
        sys.path[0], sys.argv = os.path.dirname(os.path.abspath(how)), arguments
        runpy.run_path(how, run_name="__main__")


def end(arguments):
    """Execute, and exit as Python does, but without taking down what the first process has imported."""
    code = 0
    try:
        execute(arguments)
    except SystemExit as error:
        code = 0 if error.code is None else error.code
        if not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.path[0] = ""  # else files beside this one hide packages of the same name
    for module in HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    gc.freeze()
    wanted = serve()
    if wanted is not None:
        take(wanted)
        end(wanted["arguments"])
