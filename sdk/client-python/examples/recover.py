# SPDX-License-Identifier: MIT OR Apache-2.0
"""A till that dies in the middle of a sale, and asks when it is back: python examples/recover.py [ws://127.0.0.1:7425/v1/ws]

With `--die` behind the address it plays only the first part: gone as soon as the card was asked for.
"""

import asyncio
import os
import signal
import subprocess
import sys

import payhal
import till


async def die() -> None:
    """Nothing is left of this process but what it wrote to its journal."""
    p = await till.connect()
    show = till.shown(p)

    async def on_progress(step: payhal.Progress) -> None:
        await show(step)
        if step.stage == "waiting_for_card":
            os.kill(os.getpid(), signal.SIGKILL)

    await p.sale(amount_minor=1590, currency="EUR", on_key=till.say_key, on_progress=on_progress)


async def main() -> int:
    died = subprocess.run([sys.executable, __file__, till.URL, "--die"], check=False)
    print(f"died: {signal.Signals(-died.returncode).name if died.returncode < 0 else died.returncode}", flush=True)
    async with await till.connect() as p:
        # The journal has each payment whose end this till did not come to. Nothing is charged by asking.
        found = await p.recover(wait_s=60)
        for one in found.values():
            print(f"recovered: {one.key} {one.outcome}", flush=True)
        return till.end([one.outcome for one in found.values()][-1] if found else "nothing to recover")


raise SystemExit(asyncio.run(die() if "--die" in sys.argv else main()))
