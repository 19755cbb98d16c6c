# SPDX-License-Identifier: MIT OR Apache-2.0
"""The named calls that move no money, each built on `call()`.

It must never send anything itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .leases import Leases
from .messages import Event
from .money import given


class Questions:
    """What `Payhal` can be asked without moving money."""

    _leases: Leases

    async def call(self, method: str, **params: Any) -> Any:
        """The wire as it is."""
        raise NotImplementedError

    async def get(self, *, key: str | None = None, transaction_id: str | None = None) -> dict[str, Any]:
        return _object(await self.call("payment.get", **given(idempotency_key=key, transaction_id=transaction_id)))

    async def list(self, **filters: Any) -> dict[str, Any]:
        return _object(await self.call("payment.list", **filters))

    async def receipt(
        self, transaction_id: str, *, copy: str = "customer", format: str = "text",
        columns: int | None = None, reprint: bool | None = None,
    ) -> Any:
        form = {"copy": copy, "format": format, **given(columns=columns, reprint=reprint)}
        return await self.call("payment.receipt", transaction_id=transaction_id, **form)

    async def tokens(self, **filters: Any) -> dict[str, Any]:
        """The kept payment tokens, newest first."""
        return _object(await self.call("token.list", **filters))

    async def token_history(self, *, token_id: str | None = None, reference: str | None = None, **page: Any) -> dict[str, Any]:
        """A payment token, and everything that was done with it."""
        return _object(await self.call("token.history", **given(token_id=token_id, reference=reference), **page))

    async def batch_totals(self, *, device: str | None = None, gateway: str | None = None) -> dict[str, Any]:
        return _object(await self.call("batch.totals", **given(device=device, gateway=gateway)))

    async def resolve(self, transaction_id: str, *, outcome: str, evidence: str, operator: str) -> dict[str, Any]:
        word = {"outcome": outcome, "evidence": evidence, "operator": operator}
        return _object(await self.call("payment.resolve", transaction_id=transaction_id, **word))

    async def sign(self, transaction_id: str, signature: dict[str, Any]) -> dict[str, Any]:
        """Keeps the customer's signature with an approved payment, once: `strokes`, an `image`, or both."""
        return _object(await self.call("payment.sign", transaction_id=transaction_id, signature=signature))

    async def signature(self, transaction_id: str) -> dict[str, Any]:
        """The signature that is kept with a payment."""
        return _object(await self.call("payment.signature", transaction_id=transaction_id))

    async def devices(self) -> Any:
        return (await self.call("device.list"))["devices"]

    async def gateways(self) -> Any:
        return (await self.call("gateway.list"))["gateways"]

    async def gateway_settings(self, gateway: str | None = None) -> dict[str, Any]:
        """What a gateway reports of its merchant, limits, taxes, tips and surcharges."""
        return _object(await self.call("gateway.settings", **given(gateway=gateway)))

    async def quote(self, amount: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """What a sale would cost; no money moves. More: tax, tip, cashback, surcharge_for, gateway."""
        return _object(await self.call("payment.quote", amount=amount, **given(**more)))

    async def identify(self, device: str) -> Any:
        return await self.call("device.identify", device=device)

    async def device_settings(self, device: str) -> Any:
        """How a device is set up, as it says itself."""
        return await self.call("device.settings", device=device)

    async def apdu(
        self, device: str, aid: str, commands: Sequence[str] = (), timeout_ms: int = 30_000, **params: Any
    ) -> Any:
        """Talks with a card that does not pay, or with one that was presented (`presentation_id`). Hex in, hex out."""
        exchange = {"aid": aid, "commands": list(commands), "timeout_ms": timeout_ms, **params}
        return await self.call("device.apdu", device=device, **exchange)

    async def watch(self, on_card: Callable[[Event], object], *, device: str | None = None, **params: Any) -> dict[str, Any]:
        """A reader watches for cards for this connection alone, until `unwatch` or the end of the lease.

        `on_card` hears `device.card_presented`, whose `presentation_id` one payment may use, then
        `device.card_removed` and `device.lease_ended`, after which it hears nothing. A lease that ends
        with its connection is told as `lost`: watch again when that is back.
        """
        return await self._leases.take("device.watch", on_card, {**given(device=device), **params})

    async def unwatch(self, device: str) -> Any:
        return await self.call("device.unwatch", device=device)

    async def reserve(self, *, device: str | None = None, **params: Any) -> dict[str, Any]:
        """A reader is kept for this connection alone, until `release` or the end of the lease."""
        return await self._leases.take("device.reserve", None, {**given(device=device), **params})

    async def release(self, device: str) -> Any:
        return await self.call("device.release", device=device)

    async def simulate(self, device: str, action: str, **params: Any) -> Any:
        """Drives a simulated device or gateway: `simulate("reader", "tap", card="visa-approve")`."""
        return await self.call("device.simulate", device=device, action=action, **params)

    async def respond(self, prompt_id: str, **answer: Any) -> Any:
        return await self.call("payment.respond", prompt_id=prompt_id, **answer)


def _object(answer: Any) -> dict[str, Any]:
    return dict(answer)
