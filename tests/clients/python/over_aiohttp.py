# SPDX-License-Identifier: MIT OR Apache-2.0
"""PyPI `jsonrpc-websocket`, as it comes."""

from __future__ import annotations

import asyncio
import os
import uuid
from functools import reduce
from typing import Any

from jsonrpc_base.jsonrpc import ProtocolError
from jsonrpc_websocket import Server

from scenarios import Handler, Refused, run_all


class Stock:
    ids_like = "UUIDs"

    def __init__(self, server: Server) -> None:
        self._server = server

    def made_id(self, id: Any) -> bool:
        return isinstance(id, str) and str(uuid.UUID(id)) == id

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        try:
            return await reduce(getattr, method.split("."), self._server)(**params)
        except ProtocolError as error:
            code, message, answer = error.args
            raise Refused(code, message, answer["error"]["data"]) from error

    def hear(self, method: str, listener: Handler) -> None:
        area, name = method.split(".")
        setattr(getattr(self._server, area), name, lambda **params: listener(params))

    def answer(self, method: str, handler: Handler) -> bool:
        self.hear(method, handler)
        return True


async def main() -> int:
    server = Server(os.environ["PAYHAL_URL"])
    await server.ws_connect()
    try:
        return 0 if await run_all("jsonrpc-websocket", Stock(server)) else 1
    finally:
        await server.close()


raise SystemExit(asyncio.run(main()))
