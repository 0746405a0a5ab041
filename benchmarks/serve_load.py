"""The process that sends image files to a server of vectors over several connections at once."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from serve_common import Answer, many

_BOUNDARY = "0123456789abcdef"


def load(
    port: int, connections: int, files: list[str], *, path: str = "/embed", form: str = "image"
) -> tuple[float, np.ndarray]:
    """Send image files from a process of its own.

    Args:
        port: The server's.
        connections: How many requests are under way at once.
        files: JPEG files, one in each request.
        path: Where to.
        form: "image": the file is the body, and the answer a file of NumPy; "upload": a form with one file,
            and the answer JSON, as in web pages.

    Returns:
        Images per second, and the sum of all vectors, float64 (D,).
    """
    command = [sys.executable, __file__, str(port), str(connections), path, form]
    done = subprocess.run(command, input="\n".join(files), stdout=subprocess.PIPE, text=True, check=True)
    rate, total = json.loads(done.stdout)
    return float(rate), np.array(total)


def check(total: np.ndarray, expected: np.ndarray) -> None:
    """Refuse sums of vectors that differ by more than the rounding of float32."""
    assert total.shape == expected.shape
    np.testing.assert_allclose(total, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def _send(port: int, connections: int, path: str, form: str) -> None:
    """Send the files on stdin; print images per second and the sum of all vectors as JSON."""
    bodies = [Path(file).read_bytes() for file in sys.stdin.read().split("\n")]
    headers: dict[str, str] = {}
    if form == "upload":
        bodies = [_uploaded(body) for body in bodies]
        headers = {"kind": f"multipart/form-data; boundary={_BOUNDARY}", "accept": "application/json"}
    start = time.perf_counter()
    answers = many(port, connections, iter(bodies), path, **headers)
    seconds = time.perf_counter() - start
    total = np.sum([_vector(answer, form) for answer in answers], axis=0, dtype=np.float64)
    print(json.dumps([len(bodies) / seconds, total.tolist()]))


def _uploaded(image: bytes) -> bytes:
    head = 'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg'
    return f"--{_BOUNDARY}\r\n{head}\r\n\r\n".encode() + image + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _vector(answer: Answer, form: str) -> np.ndarray:
    """Return the one vector of an answer."""
    assert answer.status == 200, answer
    found = json.loads(answer.body)["embeddings"] if form == "upload" else np.load(io.BytesIO(answer.body))
    vector: np.ndarray
    (vector,) = np.asarray(found, np.float32)
    return vector


if __name__ == "__main__":
    _send(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
