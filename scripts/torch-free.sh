#!/usr/bin/env bash
# Wheels of the runtime and the command, alone in a second environment: their tests pass there,
# and neither torch, onnx nor onnxnn can be imported.
#
#     bash scripts/torch-free.sh .venv/bin/python
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(command -v "$1")
venv=.venv-torch-free
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "torch-free: building the wheels of the runtime and the command"
rm -rf runtime/build cli/build  # an old build would put removed files into the wheel
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$work/wheels" ./runtime ./cli

test -x $venv/bin/python || "$python" -m venv $venv
$venv/bin/python -m pip install --quiet onnxruntime pytest hypothesis
$venv/bin/python -m pip install --quiet --find-links "$work/wheels" --force-reinstall --no-deps "$work"/wheels/*.whl
$venv/bin/python -m pip install --quiet --find-links "$work/wheels" "onnxnn-cli[cpu]"

echo "torch-free: exporting files with the current code"
"$python" tests/support/export_for_boards.py "$work/exported"

bash scripts/board-tests.sh "$PWD/$venv/bin/python" "$work"
