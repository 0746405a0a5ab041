"""HTTP to an application in this process."""

from __future__ import annotations

import asyncio

HANGING = 120
"""Seconds after which a request in this process counts as one that is never answered."""


class Client:
    """Speaks HTTP to an application in this process; `gather` sends several requests at once.

    Args:
        app: What `create_app` returned.
    """

    def __init__(self, app):
        import httpx  # here, because conftest.py is read where it is missing, too

        self.app = app
        self.state = app.state.onnxnn
        self._loop = asyncio.new_event_loop()
        self._lifespan = app.router.lifespan_context(app)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")

    def __enter__(self):
        try:
            self.run(self._lifespan.__aenter__())
        except BaseException:
            self._loop.close()
            raise
        return self

    def __exit__(self, *_):
        self.run(self._client.aclose())
        self.run(self._lifespan.__aexit__(None, None, None))
        self.run(self._loop.shutdown_default_executor())
        self._loop.close()

    def run(self, awaitable):
        """Run a coroutine in the loop of the application."""
        return self._loop.run_until_complete(awaitable)

    async def send(self, method, path, **options):
        return await self._client.request(method, path, **options)

    def request(self, method, path, **options):
        return self.run(asyncio.wait_for(self.send(method, path, **options), HANGING))

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def gather(self, *requests):
        """Send requests (method, path, options of httpx) at once; return the responses in order."""

        async def send():
            return await asyncio.gather(
                *(self.send(method, path, **options) for method, path, options in requests)
            )

        return self.run(send())
