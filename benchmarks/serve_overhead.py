"""What a request costs beside the call of the runtime that it makes: one connection, a small JPEG image.

In turns, the same image goes through model.embed in this process and through a server in another one, which
answers with the same vector. The difference is what HTTP, queue and threads cost.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
from PIL import Image
from quick import quick_or
from serve_common import Connection, make_small_model, percentile, server


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=quick_or(20, 3000))
    parser.add_argument("--warm-up", type=int, default=quick_or(2, 200))
    options = parser.parse_args()
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, format="JPEG")
    image = file.getvalue()
    calls, requests = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = str(make_small_model(Path(folder) / "small.onnx"))
        model = rt.load(path, device="cpu")
        with server(path) as running:
            connection = Connection(running.port)
            for _ in range(options.requests + options.warm_up):
                start = time.perf_counter()
                vector = model.embed([image])
                calls.append(time.perf_counter() - start)
                answer = connection.post("/embed", image)
                assert answer.status == 200, answer.body
                requests.append(answer.seconds)
            connection.close()
        assert np.allclose(np.load(io.BytesIO(answer.body)), vector, atol=1e-5)
    calls, requests = calls[options.warm_up :], requests[options.warm_up :]
    call = percentile(calls, 50)
    print(f"{options.requests} requests one after the other, and as many calls of the runtime")
    print(f"call of the runtime     median {call:6.2f} ms, p99 {percentile(calls, 99):6.2f} ms")
    middle, late = percentile(requests, 50), percentile(requests, 99)
    print(f"request                 median {middle:6.2f} ms, p99 {late:6.2f} ms")
    print(f"overhead of a request   median {middle - call:6.2f} ms, p99 {late - call:6.2f} ms")


if __name__ == "__main__":
    main()
