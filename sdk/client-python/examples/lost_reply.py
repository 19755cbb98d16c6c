# SPDX-License-Identifier: MIT OR Apache-2.0
"""A sale whose answer the gateway loses: python examples/lost_reply.py [ws://127.0.0.1:7425/v1/ws]

In a demonstration the sample has the gateway lose its reply, and the one to the host's first question
about it; else nothing is lost unless the operator says so. Nobody charges again: the host asks until
it knows, the register asks the host with the same key.
"""

import asyncio

import payhal
import till


async def main() -> int:
    async with await till.connect() as p:
        if p.access == "open":
            gateway = next(gateway["id"] for gateway in await p.gateways() if gateway["simulated"])
            for at in ("authorize", "inquire"):
                await p.simulate(gateway, "fault", fault="lose_reply", at=at, count=1)
        key = payhal.new_key()
        while True:
            # The same key and the same amount each time: it is the same payment.
            sale = p.sale(amount_minor=1370, currency="EUR", key=key, on_key=till.say_key, on_progress=till.shown(p))
            outcome = await till.outcome_of(sale)
            if outcome != "unknown":
                return till.end(outcome)
            await asyncio.sleep(1)


raise SystemExit(asyncio.run(main()))
