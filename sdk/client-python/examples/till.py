# SPDX-License-Identifier: MIT OR Apache-2.0
"""What every sample needs: a connection of a register, pairing it first if need be, and a card.

The first argument is the host's address. PAYHAL_REGISTER names the register, PAYHAL_FOLDER where it
keeps its pairing and its journal.
"""

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import payhal

URL = sys.argv[1] if len(sys.argv) > 1 else payhal.DEFAULT_URL
FOLDER = Path(os.environ.get("PAYHAL_FOLDER", "."))
CARD = "visa-approve"


async def connect() -> payhal.Payhal:
    register = {"register_id": os.environ.get("PAYHAL_REGISTER", "sample"), "store": payhal.PairingFile(FOLDER / "payhal-pairing.json")}
    journal = payhal.JournalFile(FOLDER / "payhal-journal.jsonl")
    try:
        return await payhal.connect(URL, journal=journal, **register)
    except payhal.errors.PairingRequired as error:
        if error.why != "never":
            raise
    await payhal.pair(URL, name="Sample", on_number=lambda number: print(f"number: {number}", flush=True), **register)
    return await payhal.connect(URL, journal=journal, **register)


def say_key(key: str) -> None:
    print(f"key: {key}", flush=True)


def shown(p: payhal.Payhal) -> Callable[[payhal.Progress], Awaitable[None]]:
    """Prints each step. In a demonstration it also holds a card to the virtual reader; elsewhere a person does."""

    async def on_progress(step: payhal.Progress) -> None:
        print(f"progress: {step.stage}", flush=True)
        if step.stage == "waiting_for_card" and p.access == "open":
            for device in await p.devices():
                if device["simulated"] and device["kind"] == "reader":
                    await p.simulate(device["id"], "tap", card=CARD)

    return on_progress


def end(outcome: str) -> int:
    """The last line, and the exit code: 0 approved, 2 unknown, 1 anything else."""
    print(f"outcome: {outcome}", flush=True)
    return {"approved": 0, "unknown": 2}.get(outcome, 1)


async def outcome_of(payment: payhal.MoneyCall[payhal.Approved]) -> str:
    try:
        approved = await payment
    except payhal.PayhalError as error:
        print(f"error: {error.name}", flush=True)
        return error.outcome
    print(f"approved {money(approved)}", flush=True)
    print(f"transaction: {approved.transaction_id}", flush=True)
    return "approved"


def money(approved: payhal.Approved) -> str:
    """"12.50 EUR", without a float in between. The samples sell in euros, which have cents."""
    minor = (approved.amounts or {})["approved"]["minor"]
    return f"{minor // 100}.{minor % 100:02} EUR"
