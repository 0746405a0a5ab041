"""Malformed requests by the 100,000: which status each gets, and how much more memory the server has after.

    python benchmarks/serve_malformed.py [--count 100000] [--seed 0]

A server in a process of its own serves small models. It gets requests of the Open Inference Protocol v2 (JSON
and binary data), embeddings, images, forms and paths, each damaged at random. A status of 500, a connection
that ends without an answer, and an answer after more than five seconds are failures, and are printed with
the request. Memory is resident memory. The second half repeats the first: what a large image made ONNX
Runtime keep is kept then, and what still grows is a leak.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import io
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from PIL import Image
from quick import quick_or

MODELS = Path(__file__).parent.parent / "tests/golden/models"

NAMES = ("image_classifier", "image_in_graph", "table", "two_inputs", "text", "denoiser_classes")

INPUTS = {
    "image_classifier": ("input", "BYTES", 0),
    "image_in_graph": ("input", "BYTES", 0),
    "table": ("input", "FP32", 4),
    "two_inputs": ("a", "FP32", 4),
    "text": ("input", "INT64", 8),
}
"""What models take: the name of the input, its datatype, and the bytes of an element."""

SCRIPT = """
import sys
from onnxnn_runtime.server.run import serve
from onnxnn_runtime.server.settings import ServerSettings
serve(sys.argv[1:], ServerSettings(port=0, access_log=False, max_body_bytes=1_000_000))
"""

SECONDS = 5.0
"""How long an answer may take."""

LENGTH = "Inference-Header-Content-Length"


class Case(NamedTuple):
    """One request."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]


def images(draw: random.Random) -> list[bytes]:
    """Return images of several formats, and what is none."""
    pixels = bytes(draw.randrange(256) for _ in range(24 * 16 * 3))
    found = []
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"):
        file = io.BytesIO()
        Image.frombytes("RGB", (24, 16), pixels).save(file, format=kind)
        found.append(file.getvalue())
    return [*found, b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n" + b"\xff" * 40]


class Draw:
    """Draws requests.

    Args:
        seed: The same one draws the same requests.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.images = images(self.random)

    def case(self) -> Case:
        """Return a request, damaged in some way."""
        make = self.random.choice(
            (self.infer, self.infer, self.infer, self.embeddings, self.image, self.path)
        )
        return make()

    def infer(self) -> Case:
        """Return an inference request: JSON, or JSON and binary data."""
        model, (name, datatype, size) = self.random.choice(list(INPUTS.items()))
        entry: dict[str, Any] = {"name": name, "shape": [2, 2], "datatype": datatype}
        tail = b""
        if self.random.random() < 0.5:
            tail = self.bytes(4 * size) if size else b"".join(map(self.element, self.images[:4]))
            entry["parameters"] = {"binary_data_size": len(tail)}
        else:
            texts = [base64.b64encode(self.damaged_image()).decode() for _ in range(4)]
            entry["data"] = [1, 0, 2, 1] if size else texts
        inputs = [entry, {**entry, "name": "b"}] if model == "two_inputs" else [entry]
        tail *= len(inputs)
        request = {"inputs": inputs, "outputs": [], "parameters": {"binary_data_output": True}}
        text = self.text(request)
        headers = {LENGTH: str(len(text) + self.random.choice((0, 0, 0, 0, 1, -1, 99)))} if tail else {}
        return Case("POST", f"/v2/models/{model}/infer", text + self.damaged(tail), headers)

    def embeddings(self) -> Case:
        """Return a request for embeddings."""
        uri = "data:image/png;base64," + base64.b64encode(self.damaged_image()).decode()
        request = {"model": self.random.choice(NAMES), "input": [uri], "encoding_format": "base64"}
        return Case("POST", "/v1/embeddings", self.text(request), {"Content-Type": "application/json"})

    def image(self) -> Case:
        """Return an image alone or in a form, for one of the server's own calls."""
        call = self.random.choice(("/predict", "/embed", "/similarity", "/generate", "/sample?steps=1&num=1"))
        path = call + ("&" if "?" in call else "?") + "model=" + self.random.choice(NAMES)
        data = self.damaged_image()
        if self.random.random() < 0.5:
            kind = self.random.choice(
                ("image/png", "application/octet-stream", "text/plain", "image/svg+xml")
            )
            return Case("POST", path, data, {"Content-Type": kind})
        form = b'--x\r\nContent-Disposition: form-data; name="image"; filename="../a.png"\r\n\r\n' + data
        return Case(
            "POST",
            path,
            self.damaged(form + b"\r\n--x--\r\n"),
            {"Content-Type": "multipart/form-data; boundary=x"},
        )

    def path(self) -> Case:
        """Return a request to a path that is not there."""
        start = self.random.choice(("/", "/v1/", "/v1/models/", "/v2/", "/v2/models/", "/v2/models/table/"))
        rest = quote(self.bytes(self.random.randint(0, 12)), safe="/%")
        return Case(self.random.choice(("GET", "POST", "PUT", "HEAD")), start + rest, b"", {})

    def text(self, request: dict[str, Any]) -> bytes:
        """Return a request as JSON, damaged as an object or as text."""
        if self.random.random() < 0.6:
            self.change(request)
            return json.dumps(request).encode()
        return self.damaged(json.dumps(request).encode())

    def change(self, request: Any) -> None:
        """Put something else in the place of one value inside a JSON value."""
        while isinstance(request, (dict, list)) and request:
            keys = list(request) if isinstance(request, dict) else list(range(len(request)))
            key = self.random.choice(keys)
            inner = request[key]
            if not isinstance(inner, (dict, list)) or not inner or self.random.random() < 0.3:
                request[key] = self.value()
                return
            request = inner

    def value(self) -> Any:
        """Return any JSON value."""
        return self.random.choice(
            (
                None,
                True,
                0,
                -1,
                2**63,
                1e308,
                "",
                "x" * 99,
                "\ud800",
                [],
                {},
                [[1], [2, 3]],
                [2, -2],
                {"a": []},
            )
        )

    def damaged(self, data: bytes) -> bytes:
        """Return bytes cut off, with some changed, or with more after them."""
        how = self.random.randint(0, 3)
        if how == 0:
            return data[: self.random.randint(0, len(data))]
        if how == 1 and data:
            changed = bytearray(data)
            for _ in range(self.random.randint(1, 8)):
                changed[self.random.randrange(len(changed))] = self.random.randrange(256)
            return bytes(changed)
        return data + self.bytes(self.random.randint(1, 9)) if how == 2 else data

    def damaged_image(self) -> bytes:
        """Return what is left of an image."""
        return self.damaged(self.random.choice(self.images))

    def element(self, data: bytes) -> bytes:
        """Return an element of BYTES, after a length that may be wrong."""
        return (len(data) + self.random.choice((0, 0, 0, 1, 2**31))).to_bytes(4, "little") + data

    def bytes(self, count: int) -> bytes:
        """Return so many bytes."""
        return bytes(self.random.randrange(256) for _ in range(count))


@contextlib.contextmanager
def server() -> Iterator[tuple[str, int]]:
    """Serve the models in a process; yield its address and process id."""
    command = [sys.executable, "-c", SCRIPT, *(str(MODELS / f"{name}.onnx") for name in NAMES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1], process.pid
        finally:
            process.terminate()


def resident(process: int) -> float:
    """Return the MiB that a process has in memory."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


class Sender:
    """Sends requests over one connection, which it opens again where the server ended it.

    Args:
        address: Host and port of the server.
    """

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=4 * SECONDS)

    def send(self, case: Case) -> int:
        """Return the status of the answer."""
        try:
            self._connection.request(case.method, case.path, case.body, case.headers)
        except ConnectionError:  # ended by the server after an answer that it may end a connection with
            self._connection.close()
            self._connection.request(case.method, case.path, case.body, case.headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


def main() -> None:
    """Send the requests, and print what was answered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=quick_or(200, 100_000))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw, statuses, failures = Draw(options.seed), Counter[int](), 0
    slowest, memory = 0.0, list[float]()
    with server() as (url, process):
        sender = Sender(urlsplit(url).netloc)
        begun = time.perf_counter()
        for number in range(options.count):
            if number == options.count // 2:
                draw = Draw(options.seed)
            case = draw.case()
            start = time.perf_counter()
            try:
                status = sender.send(case)
            except (OSError, http.client.HTTPException) as error:
                status = 0
                print(f"request {number}: {error!r}")
            seconds = time.perf_counter() - start
            slowest = max(slowest, seconds)
            statuses[status] += 1
            if status in (0, 500) or seconds > SECONDS:
                failures += 1
                print(f"request {number}: {status} after {seconds:.2f} s: {case}"[:2000])
            if (number + 1) % max(1, options.count // 10) == 0:
                memory.append(resident(process))
        total = time.perf_counter() - begun
    print(f"{options.count} requests in {total:.1f} s, slowest {slowest * 1000:.0f} ms")
    print("  ".join(f"{status}: {count}" for status, count in sorted(statuses.items())))
    print(f"failures: {failures}")
    print("memory after each tenth, MiB: " + "  ".join(f"{each:.1f}" for each in memory))
    print(f"growth in the second half: {memory[-1] - memory[len(memory) // 2 - 1]:+.1f} MiB")


if __name__ == "__main__":
    main()
