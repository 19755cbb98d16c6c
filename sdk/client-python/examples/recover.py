# SPDX-License-Identifier: MIT OR Apache-2.0
"""A register that stops in the middle of a sale, and asks when it is back: python examples/recover.py [ws://127.0.0.1:7425/v1/ws]"""

import asyncio

import payhal
import till


async def main() -> int:
    begun = asyncio.Event()
    async with await till.connect() as p:
        show = till.shown(p)

        async def on_progress(step: payhal.Progress) -> None:
            await show(step)
            if step.stage == "waiting_for_card":
                begun.set()

        sale = p.sale(amount_minor=1590, currency="EUR", on_key=till.say_key, on_progress=on_progress)
        await begun.wait()
    # The connection is closed while the host goes on. The key is in the journal, as after a crash.
    try:
        await sale
    except payhal.OutcomeUnknown as error:
        print(f"error: {error.name}", flush=True)
    async with await till.connect() as p:
        found = await p.recover(wait_s=60)
        for one in found.values():
            print(f"recovered: {one.key} {one.outcome}", flush=True)
        return till.end(found[sale.key].outcome if sale.key in found else "unknown")


raise SystemExit(asyncio.run(main()))
