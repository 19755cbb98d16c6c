# SPDX-License-Identifier: MIT OR Apache-2.0
"""Devices that are one connection's for a while. A lease never outlives its connection."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from .messages import Event

LEASE_ENDED = "device.lease_ended"
_NEWS = ("device.card_presented", "device.card_removed", LEASE_ENDED)

_Listener = Callable[[Event], object]


class Leases:
    """`on(topics, listener)` hears notifications, `ask(method, params)` calls the host."""

    def __init__(
        self,
        on: Callable[[Iterable[str] | None, _Listener], Callable[[], None]],
        ask: Callable[[str, Mapping[str, Any]], Awaitable[Any]],
    ) -> None:
        self._on, self._ask = on, ask
        self._held: dict[str, str] = {}

    async def take(self, method: str, listener: _Listener | None, params: Mapping[str, Any]) -> dict[str, Any]:
        lease: dict[str, Any] = {}
        early: list[Event] = []

        def hear(event: Event) -> None:
            if not lease:
                early.append(event)
                return
            ours = event.params.get("watch_id", lease["watch_id"]) == lease["watch_id"]
            if event.params.get("device") != lease["device"] or not ours:
                return
            if event.method == LEASE_ENDED:
                stop()
                self._held.pop(lease["watch_id"], None)
            if listener is not None:
                listener(event)

        stop = self._on(_NEWS, hear)
        try:
            lease.update(await self._ask(method, params))
        except BaseException:
            stop()
            raise
        self._held[lease["watch_id"]] = lease["device"]
        for event in early:
            hear(event)
        return lease

    def lost(self) -> list[dict[str, Any]]:
        """The connection is lost, and nobody is left to say that every lease is: the news of it."""
        return [{"device": device, "watch_id": name, "lost": True} for name, device in self._held.items()]
