# SPDX-License-Identifier: MIT OR Apache-2.0
"""A host that does what a test says, and a clock that stands still until told."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any, Self

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

GREETING = {"host": {"id": "h", "name": "test", "version": "0"}, "protocol": 1, "state": "open"}


class Request:
    def __init__(self, socket: ServerConnection, message: dict[str, Any]) -> None:
        self.socket = socket
        self.id = message["id"]
        self.method = message["method"]
        self.params = message.get("params", {})

    async def result(self, result: Any) -> None:
        await self.send({"id": self.id, "result": result})

    async def error(self, code: int, message: str, **fields: Any) -> None:
        await self.send({"id": self.id, "error": {"code": code, "message": message, "data": fields}})

    async def progress(self, seq: int, stage: str) -> None:
        params = {"transaction_id": "t1", "idempotency_key": self.params["idempotency_key"], "seq": seq, "stage": stage, "text": stage}
        await self.send({"method": "payment.progress", "params": params})

    async def notify(self, method: str, **params: Any) -> None:
        await self.send({"method": method, "params": params})

    async def send(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps({"jsonrpc": "2.0", **message}))

    def drop(self) -> None:
        self.socket.transport.abort()


class ScriptedHost:
    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.requests: asyncio.Queue[Request] = asyncio.Queue()
        self.greetings: list[dict[str, Any]] = []
        self.refuse_greeting: dict[str, Any] | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(self._serve, "127.0.0.1", 0, close_timeout=0.1, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'ws' if self._tls is None else 'wss'}://127.0.0.1:{port}/v1/ws"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def next(self) -> Request:
        return await self.requests.get()

    async def take(self, request: Request) -> bool:
        """Answers what no test scripts; false for all else."""
        if request.method != "session.hello":
            return False
        self.greetings.append(request.params)
        if self.refuse_greeting is None:
            await request.result(GREETING)
        else:
            await request.send({"id": request.id, "error": self.refuse_greeting})
        return True

    async def _serve(self, socket: ServerConnection) -> None:
        try:
            async for text in socket:
                request = Request(socket, json.loads(text))
                if not await self.take(request):
                    self.requests.put_nowait(request)
        except ConnectionClosed:
            pass


class StoppedClock:
    """Its `sleep` returns when a test advances the time, never by itself."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, waiter))
        self._arrived.set()
        await waiter

    async def sleeper(self, seconds: float) -> None:
        """Waits until somebody sleeps for just `seconds`."""
        while not any(abs(at - self.now - seconds) < 1e-9 and not waiter.done() for at, waiter in self._sleepers):
            self._arrived.clear()
            await self._arrived.wait()

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for at, waiter in self._sleepers:
            if at <= self.now + 1e-9 and not waiter.done():
                waiter.set_result(None)
        self._sleepers = [(at, waiter) for at, waiter in self._sleepers if not waiter.done()]
