"""Requests that schemathesis makes of the server's OpenAPI document: those it allows, and those it does not.

    python benchmarks/serve_schemathesis.py [--count 20000] [--seed 0]

A server in a process of its own serves small models. Each call of the document gets its share of the
requests, half of them as the document says, half not, to models that are served. A status of 500, a status,
media type or body that the document does not name, and a connection that ends without an answer are failures,
and are printed. Memory is resident memory after the first tenth and after the last request.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
from quick import quick_or
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

MODELS = Path(__file__).parent.parent / "tests/golden/models"

NAMES = ("image_classifier", "image_in_graph", "table", "two_inputs", "text", "denoiser_classes")

SCRIPT = """
import sys
from onnxnn_runtime.server.run import serve
from onnxnn_runtime.server.settings import ServerSettings
serve(sys.argv[1:], ServerSettings(port=0, access_log=False, max_body_bytes=1_000_000))
"""

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]

MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


def operations(url: str) -> list[schemathesis.APIOperation[Any, Any, Any, Any]]:
    """Return the calls of a server's document."""
    schema = schemathesis.openapi.from_url(url + "/openapi.json")
    return [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]


def run(
    operation: schemathesis.APIOperation[Any, Any, Any, Any], count: int, seed: int, statuses: Counter[str]
) -> Iterator[str]:
    """Send requests of one call; yield what is wrong with the answers.

    Args:
        operation: The call.
        count: How many requests, about.
        seed: Draws them.
        statuses: Counts the answers by their status.
    """
    for mode in MODES:
        try:
            strategy = operation.as_strategy(generation_mode=mode)

            @hypothesis.seed(seed)
            @hypothesis.settings(
                max_examples=max(1, count // len(MODES)),
                deadline=None,
                database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
                phases=[hypothesis.Phase.generate],
            )
            @hypothesis.given(case=strategy, name=hypothesis.strategies.sampled_from(NAMES))
            def send(case: schemathesis.Case[Any], name: str) -> None:
                aim(case, name)
                response = case.call()
                statuses[str(response.status_code)] += 1
                case.validate_response(response, checks=CHECKS)

            send()
        except hypothesis.errors.Unsatisfiable:
            continue  # everything is allowed: there are no other requests
        except Exception as error:
            yield f"{operation.label}: {error}"


def aim(case: schemathesis.Case[Any], name: str) -> None:
    """Send a request to a model that is served, where it would name another one."""
    if case.path_parameters and "name" in case.path_parameters and "/static/" not in case.path:
        case.path_parameters["name"] = name
    for where in (case.query, case.body):
        if isinstance(where, dict) and isinstance(where.get("model"), str):
            where["model"] = name


def resident(process: int) -> float:
    """Return the resident memory of a process in MB."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> int:
    """Send the requests; return 1 where an answer was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=quick_or(100, 20_000))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hypothesis.configuration.set_hypothesis_home_dir(folder)
        return measured(asked.count, asked.seed)


def measured(count: int, seed: int) -> int:
    """Start the server, send the requests and print what came of it; return 1 where an answer was wrong."""
    server = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *(str(MODELS / f"{name}.onnx") for name in NAMES)],
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    statuses: Counter[str] = Counter()
    begun = time.monotonic()
    try:
        calls = operations(str(server.stdout and server.stdout.readline()).split()[-1])
        wrong = [line for call in calls for line in run(call, count // 10 // len(calls), 1, statuses)]
        first = resident(server.pid)
        wrong += [line for call in calls for line in run(call, count // len(calls), seed, statuses)]
        print(f"requests        {sum(statuses.values())} of {len(calls)} calls")
        print(f"statuses        {dict(sorted(statuses.items()))}")
        print(f"wrong           {len(wrong)}")
        print(f"memory          {first:.1f} MB after a tenth, {resident(server.pid):.1f} MB at the end")
        print(f"seconds         {time.monotonic() - begun:.0f}")
        print("\n\n".join(wrong))
        return int(bool(wrong) or server.poll() is not None)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
