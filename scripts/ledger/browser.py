"""onnxruntime-web, its WASM build, in a headless Chromium."""

from __future__ import annotations

import base64
import functools
import http.server
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from . import engines
from .runtimes import CannotStartError, checked

Array = np.ndarray[Any, Any]

RUN = """async ({model, feeds}) => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const kinds = {float32: Float32Array, int64: BigInt64Array, uint8: Uint8Array};
  try {
    const session = await ort.InferenceSession.create(bytes(model), {executionProviders: ["wasm"]});
    const given = {};
    for (const {name, dtype, shape, data} of feeds)
      given[name] = new ort.Tensor(dtype, new kinds[dtype](bytes(data).buffer), shape);
    const found = await session.run(given);
    const outputs = session.outputNames.map((name) => {
      const {dims, type, data} = found[name];
      return {name, shape: [...dims], dtype: type, values: Array.from(data, Number)};
    });
    await session.release();
    return {outputs};
  } catch (error) {
    return {error: String(error)};
  }
}"""
"""Runs a file once. Numbers go in as bytes, and come back as float64."""


@dataclass(frozen=True)
class Browser:
    """The column of onnxruntime-web.

    Args:
        name: The title of the column.
        package: The npm package and its version.
    """

    is_fixed: ClassVar[bool] = False

    name: str
    package: str

    def run(self, files: Path, environments: Path) -> dict[str, Any]:
        """Return what `Runtime.run` does."""
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        if chromium is None:
            raise CannotStartError(
                "expected chromium on the PATH, found none. Run scripts/system-packages.sh."
            )
        scripts = self._scripts(environments)
        from playwright.sync_api import Error, sync_playwright

        try:
            with _server(scripts) as address, sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                page = browser.new_page()
                page.goto(address + "/index.html")
                version = page.evaluate("ort.env.versions.web || ort.env.versions.common")
                page.evaluate("ort.env.wasm.numThreads = 1")
                found = {name: _largest(page, files / name) for name in engines.names_in(str(files))}
                browser_version = browser.version
                browser.close()
        except Error as error:
            raise CannotStartError(str(error).split("\n", 1)[0]) from error
        return {
            "version": version,
            "python": "–",
            "processor": f"WASM, Chromium {browser_version}",
            "files": found,
        }

    def _scripts(self, environments: Path) -> Path:
        """Return the folder of the package's scripts, with a page that loads them."""
        folder = environments / self.package.replace("@", "-")
        page = folder / "package" / "dist" / "index.html"
        if not page.is_file():
            with tempfile.TemporaryDirectory() as packed:
                pack = ["npm", "pack", "--silent", "--pack-destination", packed, self.package]
                checked(pack, f"cannot fetch {self.package}")
                (archive,) = Path(packed).glob("*.tgz")
                with tarfile.open(archive) as files:
                    files.extractall(folder, filter="data")
            page.write_text('<!doctype html><script src="ort.wasm.min.js"></script>', encoding="utf-8")
        return page.parent


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """Serve a folder to this machine, and yield its address."""
    handler = functools.partial(_Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _largest(page: Any, path: Path) -> float | str:
    """Return the largest difference of a file, or what went wrong."""
    feeds, expected = engines.stored(f"{path}.npz")
    given = [
        {"name": name, "dtype": str(array.dtype), "shape": list(array.shape), "data": _text(array.tobytes())}
        for name, array in feeds.items()
    ]
    answer = page.evaluate(RUN, {"model": _text(Path(f"{path}.onnx").read_bytes()), "feeds": given})
    if "error" in answer:
        return str(answer["error"]).split("\n", 1)[0]
    found = {each["name"]: np.array(each["values"]).reshape(each["shape"]) for each in answer["outputs"]}
    return engines.largest(found, expected)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
