#!/usr/bin/env bash
# The runtime and the command under the oldest Python and ONNX Runtime that classroom boards carry
# (the UNIHIKER M10 has Python 3.7), and every layer and kind of network there. The interpreter is $PYTHON37, `python3.7`, or pyenv's. Without one the job
# fails; SKIP_OLDEST_BOARD="the reason" skips it, and the reason is printed and added to the file $SKIPPED_JOBS.
#
#     bash scripts/oldest-board.sh .venv/bin/python
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -n "${SKIP_OLDEST_BOARD:-}" ]; then
    echo "oldest-board: SKIPPED, $SKIP_OLDEST_BOARD" | tee -a "${SKIPPED_JOBS:-/dev/null}"
    exit 0
fi
python=$(command -v "$1")
venv=.venv-oldest-board
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

works() { [ -n "$1" ] && "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 7))' 2>/dev/null; }
find_python37() {
    local candidate
    for candidate in "${PYTHON37:-}" python3.7 "$(command -v pyenv >/dev/null && pyenv root || echo "$HOME/.pyenv")"/versions/3.7*/bin/python; do
        if works "$candidate"; then command -v "$candidate"; return; fi
    done
}

python37=$(find_python37)
if [ -z "$python37" ]; then
    echo "oldest-board: expected Python 3.7, found none. Set PYTHON37 to its path, or SKIP_OLDEST_BOARD to the reason to skip it." >&2
    exit 1
fi

echo "oldest-board: $("$python37" --version), onnxruntime 1.13.1, numpy 1.21.6, Pillow 9.5.0"
test -x $venv/bin/python || "$python37" -m venv $venv
$venv/bin/python -m pip install --quiet --upgrade pip
$venv/bin/python -m pip install --quiet onnxruntime==1.13.1 numpy==1.21.6 pillow==9.5.0 pytest hypothesis
rm -rf runtime/build cli/build  # an old build would put removed files into the wheel
"$python" -m pip wheel --quiet --no-deps --wheel-dir "$work/wheels" ./runtime ./cli
$venv/bin/python -m pip install --quiet --find-links "$work/wheels" --force-reinstall --no-deps "$work"/wheels/*.whl
$venv/bin/python -m pip install --quiet --find-links "$work/wheels" "onnxnn-cli[cpu]"

echo "oldest-board: exporting files with the current code"
"$python" tests/support/export_for_boards.py "$work/exported"

bash scripts/board-tests.sh "$PWD/$venv/bin/python" "$work"

echo "oldest-board: the files of the ledger, there and in the newest ONNX Runtime"
PYTHON37="$python37" "$python" scripts/parity_ledger.py --only 1.13.1 newest
