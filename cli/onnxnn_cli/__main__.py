"""`python -m onnxnn_cli` is the `onnxnn` command."""

from __future__ import annotations

from .main import main

if __name__ == "__main__":
    main()
