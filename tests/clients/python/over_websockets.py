# SPDX-License-Identifier: MIT OR Apache-2.0
"""PyPI `websockets` with `jsonrpcclient`, as they come."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from jsonrpcclient import Error, parse, request
from websockets.asyncio.client import ClientConnection, connect

from scenarios import Handler, Refused, run_all


class Stock:
    ids_like = "1, 2, …"

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[str, Handler] = {}

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        message = request(method, params=params)
        self._pending[message["id"]] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps(message))
        return await self._pending[message["id"]]

    def made_id(self, id: Any) -> bool:
        return isinstance(id, int) and id > 0

    def hear(self, method: str, listener: Handler) -> None:
        self._listeners[method] = listener

    def answer(self, method: str, handler: Handler) -> bool:
        self._listeners[method] = handler
        return True

    async def receive(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if "method" in message:
                result = self._listeners.get(message["method"], lambda _: None)(message["params"])
                if "id" in message:
                    await self._socket.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}))
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


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
