# SPDX-License-Identifier: MIT OR Apache-2.0
"""One sale: python examples/sale.py 1250 EUR [ws://127.0.0.1:7425/v1/ws]

Exit codes: 0 approved, 1 not approved, 2 unknown.
"""

import asyncio
import sys

import payhal


async def main(minor: int, currency: str, url: str) -> int:
    async with payhal.connect(url) as p:
        try:
            sale = await p.sale(
                amount_minor=minor,
                currency=currency,
                on_key=lambda key: print(f"key       {key}"),
                on_progress=lambda step: print(f"{step.seq:8}  {step.text}"),
            )
        except payhal.PayhalError as error:
            print(f"{error.name}  {error} outcome {error.outcome}, money moved: {error.money_moved}, next: {error.retry}", file=sys.stderr)
            return 2 if isinstance(error, payhal.OutcomeUnknown) else 1
        print(f"approved  {sale.approval_code or ''} {sale.transaction_id}")
        return 0


if __name__ == "__main__":
    given = sys.argv[1:]
    raise SystemExit(asyncio.run(main(int(given[0]) if given else 1250, given[1] if len(given) > 1 else "EUR", given[2] if len(given) > 2 else payhal.DEFAULT_URL)))
