# SPDX-License-Identifier: MIT OR Apache-2.0
"""The named calls that move money, each built on `money()`.

It must never send anything itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, Generic, TypeVar

from .errors import AmountInvalid
from .messages import Amount, Approved, Progress, Prompt

OnProgress = Callable[[Progress], object]
OnPrompt = Callable[[Prompt], Mapping[str, Any] | None | Awaitable[Mapping[str, Any] | None]]
OnKey = Callable[[str], object]
_T = TypeVar("_T")


class MoneyCall(Generic[_T]):
    """A payment under way: await it for its one answer. `key` is known before anything is sent.

    Cancelling the asyncio task that awaits it only stops the waiting; `cancel()` asks the host to stop.
    """

    def __init__(self, key: str, answer: asyncio.Task[_T], cancel: Callable[[], Awaitable[str]]) -> None:
        self.key = key
        self._answer = answer
        self._cancel = cancel

    def __await__(self) -> Generator[Any, None, _T]:
        return asyncio.shield(self._answer).__await__()

    async def cancel(self) -> str:
        """Asks the host to stop. Answers `cancelling`, `cancelled`, `too_late`, `finished` or `not_found`."""
        return await self._cancel()


class MoneyCalls:
    """What `Payhal` can be asked to do with money."""

    def money(
        self,
        method: str,
        *,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Any keyed method."""
        raise NotImplementedError

    def sale(
        self,
        *,
        amount_minor: int | None = None,
        currency: str,
        estimated_minor: int | None = None,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Takes a payment. Further fields of `payment.sale` are passed by their wire names.

        With `estimated_minor` instead of `amount_minor` the amount follows the card: the host asks for it
        with the prompt `set_amount`.
        """
        params |= _charge(amount_minor, estimated_minor, currency)
        return self.money("payment.sale", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def refund(
        self,
        *,
        amount_minor: int | None = None,
        currency: str | None = None,
        transaction_id: str | None = None,
        original: Mapping[str, Any] | None = None,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Gives money back for `transaction_id`, or for `original` of another system."""
        if amount_minor is not None:
            params["amount"] = amount_of(amount_minor, currency)
        params.update(given(transaction_id=transaction_id, original=original))
        return self.money("payment.refund", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def void(
        self,
        transaction_id: str,
        *,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Takes a payment back before reconciliation."""
        return self.money("payment.void", key=key, on_progress=on_progress, on_key=on_key, transaction_id=transaction_id, **params)

    def authorize(
        self,
        *,
        amount_minor: int | None = None,
        currency: str,
        estimated_minor: int | None = None,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Holds an amount on a card; with `estimated_minor` one that follows the card."""
        params |= _charge(amount_minor, estimated_minor, currency)
        return self.money("payment.authorize", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def adjust(
        self,
        *,
        transaction_id: str,
        amount_minor: int,
        currency: str,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Changes what is held to a new total."""
        params["transaction_id"] = transaction_id
        params["amount"] = amount_of(amount_minor, currency)
        return self.money("payment.adjust", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def capture(
        self,
        *,
        transaction_id: str,
        amount_minor: int,
        currency: str,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Takes what is held, all of it or a part."""
        params["transaction_id"] = transaction_id
        params["amount"] = amount_of(amount_minor, currency)
        return self.money("payment.capture", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def undo(
        self,
        *,
        transaction_id: str,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Voids or refunds, whichever the rules allow; `fields["undo"]` says which."""
        params["transaction_id"] = transaction_id
        return self.money("payment.undo", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def verify(
        self,
        *,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Checks a card, and keeps it as a payment token where that is possible."""
        return self.money("payment.verify", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def balance(
        self,
        *,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Asks what is left on a card."""
        return self.money("payment.balance", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def cash_advance(
        self,
        *,
        amount_minor: int,
        currency: str,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Pays out cash."""
        params["amount"] = amount_of(amount_minor, currency)
        return self.money("payment.cash_advance", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def register_token(
        self,
        *,
        reference: str,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Keeps a card as a payment token under the register's own reference; `fields["kept"]` has it."""
        params["reference"] = reference
        return self.money("token.register", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def update_token(
        self,
        *,
        token_id: str | None = None,
        reference: str | None = None,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Gives a kept payment token another reference (`new_reference`), card (`new_card`) or other words (`custom`)."""
        params |= given(token_id=token_id, reference=reference)
        return self.money("token.update", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def delete_token(
        self,
        *,
        token_id: str | None = None,
        reference: str | None = None,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Keeps a payment token no more."""
        params |= given(token_id=token_id, reference=reference)
        return self.money("token.delete", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def close_batch(
        self,
        *,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Compares totals and closes the batch."""
        return self.money("batch.close", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)


def _charge(amount_minor: int | None, estimated_minor: int | None, currency: str) -> dict[str, Any]:
    """The amount, or the estimate of one that follows the card."""
    if estimated_minor is None:
        return {"amount": amount_of(amount_minor, currency)}
    if amount_minor is not None:
        raise AmountInvalid("either amount_minor or estimated_minor is given, not both. Nothing was sent.")
    return {"estimated_amount": amount_of(estimated_minor, currency)}


def amount_of(minor: int, currency: str | None) -> Amount:
    # Money never has a decimal point; bool is an int in Python and no amount.
    if not isinstance(minor, int) or isinstance(minor, bool) or not isinstance(currency, str):
        raise AmountInvalid("amount_minor must be a whole number of the currency's smallest unit, currency a code such as EUR.")
    return {"minor": minor, "currency": currency}


def given(**fields: Any) -> dict[str, Any]:
    """Only the fields that are not `None`."""
    return {name: value for name, value in fields.items() if value is not None}
