# SPDX-License-Identifier: MIT OR Apache-2.0
"""PyPI `websockets` with `jsonrpcclient`, as they come."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

from jsonrpcclient import Error, parse, request
from websockets.asyncio.client import ClientConnection, connect

from scenarios import Refused, run_all


class Stock:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[str, Callable[[dict[str, Any]], None]] = {}

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        message = request(method, params=params)
        self._pending[message["id"]] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps(message))
        return await self._pending[message["id"]]

    def hear(self, method: str, listener: Callable[[dict[str, Any]], None]) -> None:
        self._listeners[method] = listener

    async def receive(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if "method" in message:
                self._listeners.get(message["method"], lambda _: None)(message["params"])
                continue
            answer = parse(message)
            # Popped: a second answer to one call is a fault and ends the run with its id.
            waiting = self._pending.pop(answer.id)
            if isinstance(answer, Error):
                waiting.set_exception(Refused(answer.code, answer.message, answer.data))
            else:
                waiting.set_result(answer.result)


async def main() -> int:
    async with connect(os.environ["PAYHAL_URL"], proxy=None) as socket:
        client = Stock(socket)
        receiving = asyncio.create_task(client.receive())
        running = asyncio.create_task(run_all("jsonrpcclient", client))
        await asyncio.wait({receiving, running}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            running.cancel()
            print("not ok jsonrpcclient: the connection ended early")
            receiving.result()
            return 1
        receiving.cancel()
        return 0 if running.result() else 1


raise SystemExit(asyncio.run(main()))
