#!/usr/bin/env bash
# Run the runtime's and the command's tests away from this folder, so that only what is installed counts.
#
#     bash scripts/board-tests.sh PYTHON WORK     with exported files in WORK/exported
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
work=$2

mkdir -p "$work/checkout/tests"
for part in conftest.py support golden basenn/fake runtime cli; do
    mkdir -p "$work/checkout/tests/$(dirname "$part")"
    cp -r "tests/$part" "$work/checkout/tests/$part"
done
cp pyproject.toml "$work/checkout/"
cd "$work/checkout"

for module in torch onnx onnxnn cv2; do
    if "$python" -c "import $module" 2>/dev/null; then
        echo "$module can be imported here, and nothing may need it"
        exit 1
    fi
done
ONNXNN_EXPORTED="$work/exported" "$python" -m pytest -q -p no:cacheprovider -m "not needs_torch" tests/runtime tests/cli
