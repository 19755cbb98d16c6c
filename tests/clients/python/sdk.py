# SPDX-License-Identifier: MIT OR Apache-2.0
"""The same scenarios through sdk/client-python: its exceptions say what the wire says, and its promises hold."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "sdk" / "client-python"))

import payhal  # noqa: E402

from scenarios import Handler, QUESTION, Refused, run_all  # noqa: E402


class Sdk:
    ids_like = "1, 2, …"

    def __init__(self, p: payhal.Payhal) -> None:
        self._p = p

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        # The connection has greeted already; a second greeting would be another session.
        if method == "session.hello":
            return {"state": self._p.access}
        try:
            return await self._p.call(method, **params)
        except payhal.PayhalError as error:
            assert isinstance(error, payhal.OutcomeUnknown) == (error.outcome == "unknown")
            raise Refused(error.code, error.message, dict(error.fields)) from error

    def made_id(self, id: Any) -> bool:
        return isinstance(id, int) and id > 0

    def answer(self, method: str, handler: Handler) -> bool:
        return False

    def hear(self, method: str, listener: Handler) -> None:
        self._p.on([method], lambda event: listener(dict(event.params)))


async def typed(p: payhal.Payhal) -> None:
    while (reader := next(device for device in await p.devices() if device["simulated"]))["state"] != "ready":
        pass
    device = reader["id"]
    steps: list[int] = []

    async def on_progress(step: payhal.Progress) -> None:
        steps.append(step.seq)
        if step.stage == "waiting_for_card":
            await p.simulate(device, "tap", card="visa-approve")

    sale = p.sale(amount_minor=888, currency="EUR", device=device, on_progress=on_progress)
    approved = await sale
    assert (approved.outcome, approved.idempotency_key) == ("approved", sale.key), approved
    assert steps == sorted(set(steps)), steps
    back = await p.refund(transaction_id=approved.transaction_id, amount_minor=800, currency="EUR")
    assert back.amounts is not None and back.amounts["approved"]["minor"] == 800, back


async def main() -> int:
    async with payhal.connect(os.environ["PAYHAL_URL"], register_id="sdk-python", prompts=[QUESTION]) as p:
        good = await run_all("sdk-python", Sdk(p))
        try:
            await typed(p)
            print("ok sdk-python: sale and refund by the typed calls = yes")
        except Exception:
            good = False
            print("not ok sdk-python: sale and refund by the typed calls\n  " + traceback.format_exc().replace("\n", "\n  "))
    return 0 if good else 1


raise SystemExit(asyncio.run(main()))
