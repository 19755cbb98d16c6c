# SPDX-License-Identifier: MIT OR Apache-2.0
"""A sale: python examples/sale.py [ws://127.0.0.1:7425/v1/ws]"""

import asyncio

import till


async def main() -> int:
    async with await till.connect() as p:
        sale = p.sale(amount_minor=1250, currency="EUR", reference="order 4711", on_key=till.say_key, on_progress=till.shown(p))
        return till.end(await till.outcome_of(sale))


raise SystemExit(asyncio.run(main()))
