"""Requests that wait together for one model of a server, and how many batches ran."""

from __future__ import annotations

import asyncio
import re
import threading


async def together(served, feeds):
    """Let several requests wait, so that one lane finds all of them."""
    gate, begun = threading.Event(), threading.Event()

    def work(model):
        begun.set()
        return gate.wait(10)

    blocked = asyncio.ensure_future(served.call(work))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    waiting = [asyncio.ensure_future(served.infer(each)) for each in feeds]
    while served.lanes.waiting < len(waiting):
        await asyncio.sleep(0.01)
    gate.set()
    await blocked
    return await asyncio.gather(*waiting, return_exceptions=True)


def sizes(client):
    """How many batches ran, and how many inputs in all of them."""
    text = client.get("/metrics").text
    return [
        int(float(re.search(rf"onnxnn_batch_size_{name}{{.*}} (.*)", text)[1])) for name in ("count", "sum")
    ]
