# SPDX-License-Identifier: MIT OR Apache-2.0
"""A sale, and a part of it given back: python examples/refund.py [ws://127.0.0.1:7425/v1/ws]"""

import asyncio

import till


async def main() -> int:
    async with await till.connect() as p:
        sold = await p.sale(amount_minor=2090, currency="EUR", on_key=till.say_key, on_progress=till.shown(p))
        print(f"sold: {sold.transaction_id}", flush=True)
        refund = p.refund(
            transaction_id=sold.transaction_id, amount_minor=590, currency="EUR", on_key=till.say_key, on_progress=till.shown(p),
        )
        return till.end(await till.outcome_of(refund))


raise SystemExit(asyncio.run(main()))
