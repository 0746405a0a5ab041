# On a machine with Python 3.10 or newer, pip and make:
#
#     make setup    set up .venv, with the tools of developers
#     make demo     the same set-up, then train, export and run a network on real digits
#     make test     the same set-up, then the fast tests
#     make check    format, lint and types
#     make all-jobs everything that CI runs, except the set-up
#     make ledger   every layer and kind of network in every runtime (some minutes)
#     make fuzz     tens of thousands of hostile files (an hour or more)
#
# Another interpreter: make demo PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
STAMP := $(VENV)/.installed
# torch first and alone: its builds for CPU and GPU are one choice, everything else follows it.
TORCH := torch==2.13.0

.PHONY: setup demo test slow ledger fuzz check torch-free oldest-board aarch64 all-jobs clean

setup: $(STAMP)

demo: $(STAMP)
	$(BIN)/onnxnn demo

# Two processes with one thread each: threads of both that wait for the same cores take several times as long.
# One that crashes fails the job at once; a new one in its place may leave pytest-xdist waiting for ever.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0

slow: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow -n 2 --dist loadfile --max-worker-restart 0

# docs/where-it-runs.md: several Pythons, the npm registry and a Chromium are needed.
ledger: $(STAMP)
	$(BIN)/python scripts/parity_ledger.py

# All hostile files of tests/fuzz; the slow tests try a share of them.
fuzz: $(STAMP)
	FUZZ_SHARE=1 $(BIN)/python -m pytest -m slow tests/fuzz

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The wheels of the runtime and the command, alone in an environment of their own.
torch-free: $(STAMP)
	bash scripts/torch-free.sh $(BIN)/python

# The same under the oldest Python and ONNX Runtime that classroom boards carry.
oldest-board: $(STAMP)
	bash scripts/oldest-board.sh $(BIN)/python

# The runtime on an emulated aarch64: qemu-user-static, and a Debian whose mirrors have arm64.
aarch64: $(STAMP)
	$(BIN)/python scripts/aarch64_smoke.py

all-jobs: test slow check torch-free oldest-board aarch64

$(STAMP): pyproject.toml runtime/pyproject.toml cli/pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 10) else 'onnxnn trains on Python 3.10 or newer, this is ' + sys.version.split()[0] + '. Try: make PYTHON=python3.11')"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet -e "./runtime[cpu,openvino,serve,mqtt,search,lancedb,qdrant,ray]" -e "./cli[cpu]" -e ".[cpu,plot,custom,scale,dev]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) .venv-torch-free .venv-oldest-board .venv-ledger demo build runtime/build cli/build dist
