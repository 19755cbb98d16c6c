# SPDX-License-Identifier: MIT OR Apache-2.0
"""What every Python client must see, whatever library speaks: the same calls, the same answers."""

from __future__ import annotations

import asyncio
import os
import traceback
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

# name: (code, outcome, money moved, retry)
TABLE = {
    "DECLINED": (3001, "declined", "no", "new_key"),
    "CANCELLED": (3002, "cancelled", "no", "new_key"),
    "TIMED_OUT": (3003, "failed", "no", "new_key"),
    "KEY_REUSED": (3005, "failed", "no", "never"),
    "DEVICE_BUSY": (2002, "failed", "no", "same_key"),
    "UNRESOLVED_TRANSACTION": (3012, "failed", "no", "ask_operator"),
}


class Refused(Exception):
    """An error answer as it was on the wire."""

    def __init__(self, code: int, message: str, fields: dict[str, Any]) -> None:
        super().__init__(f"{code} {message} {fields}")
        self.code, self.message, self.fields = code, message, fields


QUESTION = "confirm_signature"
Handler = Callable[[dict[str, Any]], Any]


class Client(Protocol):
    """A stock client. `ids_like` says which ids the library makes, `made_id` tells one of them."""

    ids_like: str

    def made_id(self, id: Any) -> bool: ...

    async def call(self, method: str, params: dict[str, Any]) -> Any: ...

    def hear(self, method: str, listener: Handler) -> None: ...

    def answer(self, method: str, handler: Handler) -> bool:
        """Answers requests of the host; false for a library that cannot."""
        ...


class Sale:
    """A sale under way. No two sales of a run have one amount."""

    def __init__(self, world: World, **more: Any) -> None:
        world.minor += 1
        self.world = world
        self.params = {
            "idempotency_key": str(uuid.uuid4()), "amount": {"minor": world.minor, "currency": "EUR"}, "device": world.reader, **more,
        }
        self.key = self.params["idempotency_key"]
        self.answer = asyncio.ensure_future(world.client.call("payment.sale", self.params))

    async def stage(self, name: str) -> None:
        # Cleared before each look, so that news between a look and its wait is not lost.
        while not self.world.look(self.key, name):
            if self.answer.done():
                self.answer.result()
                raise AssertionError(f"ended before {name}")
            news = asyncio.ensure_future(self.world.wait_for_news())
            await asyncio.wait({self.answer, news}, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()

    async def present(self, action: str, card: str) -> None:
        await self.stage("waiting_for_card")
        await self.world.simulate(self.world.reader, action=action, card=card)


class World:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.reader = self.gateway = ""
        self.heard: dict[str, list[dict[str, Any]]] = {}
        self.minor = int(os.environ.get("PAYHAL_MINOR", "1011"))
        self._news = asyncio.Event()
        self.ways: list[str] = []
        self._responses: set[asyncio.Future[Any]] = set()

    async def meet(self, name: str) -> None:
        self.answers = self.client.answer(f"pos.{QUESTION}", lambda prompt: self._asked("request", prompt))
        self.client.hear("payment.prompt", lambda prompt: self._asked("call", prompt))
        self.greeting = await self.client.call("session.hello", {
            "client": {"name": name, "version": "0"}, "protocol": [1], "register_id": name, "prompts": [QUESTION],
            "answers_requests": self.answers,
        })
        devices = (await self.client.call("device.list", {}))["devices"]
        gateways = (await self.client.call("gateway.list", {}))["gateways"]
        self.reader = next(device["id"] for device in devices if device["simulated"])
        self.gateway = next(gateway["id"] for gateway in gateways if gateway["simulated"])
        self.client.hear("payment.progress", self._progressed)

    def _progressed(self, progress: dict[str, Any]) -> None:
        self.heard.setdefault(progress["idempotency_key"], []).append(progress)
        self._news.set()

    def _asked(self, way: str, prompt: dict[str, Any]) -> Any:
        """Says yes, as a result or by a call. A client that answers requests leaves the notification alone."""
        if prompt["kind"] != QUESTION or (way == "call" and self.answers):
            return None
        self.ways.append(way)
        if way == "request":
            return {"accepted": True}
        answer = {"prompt_id": prompt["prompt_id"], "accepted": True}
        self._responses.add(asyncio.ensure_future(self.client.call("payment.respond", answer)))
        return None

    def look(self, key: str, stage: str) -> bool:
        self._news.clear()
        return any(step["stage"] == stage for step in self.heard.get(key, []))

    async def wait_for_news(self) -> None:
        await self._news.wait()

    async def simulate(self, device: str, **action: Any) -> Any:
        return await self.client.call("device.simulate", {"device": device, **action})

    async def idle(self) -> None:
        """Waits until the reader is free: it may still show its last words when the answer is there already."""
        while True:
            devices = (await self.client.call("device.list", {}))["devices"]
            if next(device["state"] for device in devices if device["id"] == self.reader) == "ready":
                return

    async def charged(self, sale: Sale) -> int:
        """How often the gateway's own ledger holds this amount as charged and not taken back."""
        entries = (await self.simulate(self.gateway, action="ledger"))["entries"]
        minor = sale.params["amount"]["minor"]
        return sum(1 for entry in entries if (entry["amount_minor"], entry["kind"], entry["state"]) == (minor, "sale", "approved"))

    async def refused(self, answer: Awaitable[Any], name: str, moved: str | None = None) -> dict[str, Any]:
        code, outcome, no, retry = TABLE[name]
        try:
            result = await answer
        except Refused as error:
            fields = error.fields
            seen = (error.code, fields.get("outcome"), fields.get("money_moved"), fields.get("retry"))
            assert (fields.get("name"), seen) == (name, (code, outcome, moved or no, retry)), (fields.get("name"), seen)
            assert error.message
            return fields
        raise AssertionError(f"{name} expected, but it was answered {result}")


async def plain_sale(world: World) -> tuple[Sale, dict[str, Any]]:
    sale = Sale(world)
    await sale.present("tap", "visa-approve")
    result = await sale.answer
    # An answered question behind it: had anything come after the answer, it would be here by now.
    await world.client.call("device.list", {})
    steps = world.heard[sale.key]
    assert (result["outcome"], result["replayed"]) == ("approved", False), result
    assert result["amounts"]["approved"] == sale.params["amount"], result
    assert len(steps) >= 3 and steps[0]["stage"] == "accepted", steps
    numbers = [step["seq"] for step in steps]
    assert numbers == sorted(set(numbers)), numbers
    return sale, result


async def a_greeting(world: World) -> None:
    assert (world.greeting["state"], world.greeting.get("protocol", 1)) == ("open", 1), world.greeting
    await world.client.call("session.ping", {})


async def a_sale(world: World) -> None:
    await plain_sale(world)


async def ids(world: World) -> str:
    sale, _ = await plain_sale(world)
    id = world.heard[sale.key][0]["request_id"]
    assert world.client.made_id(id), id
    return world.client.ids_like


async def unknown_method(world: World) -> None:
    error = await protocol_error(world.client.call("payment.steal", {}))
    assert (error.code, error.fields["name"]) == (-32601, "METHOD_NOT_FOUND"), error


async def bad_params(world: World) -> None:
    bad = {"idempotency_key": str(uuid.uuid4()), "amount": {"minor": "a lot", "currency": "EUR"}}
    error = await protocol_error(world.client.call("payment.sale", bad))
    assert (error.code, error.fields["field"], error.fields["money_moved"]) == (-32602, "amount.minor", "no"), error


async def protocol_error(answer: Awaitable[Any]) -> Refused:
    try:
        result = await answer
    except Refused as error:
        return error
    raise AssertionError(f"an error expected, but it was answered {result}")


async def a_question(world: World) -> str:
    world.ways.clear()
    sale = Sale(world)
    await sale.present("insert", "mastercard-signature")
    result = await sale.answer
    assert (result["outcome"], result["cvm"], len(world.ways)) == ("approved", "signature", 1), (result, world.ways)
    await world.simulate(world.reader, action="reset")
    return f"by {world.ways[0]}"


async def a_decline(world: World) -> None:
    sale = Sale(world)
    await sale.present("tap", "visa-decline")
    fields = await world.refused(sale.answer, "DECLINED")
    assert fields["response_code"] == "51", fields


async def a_cancel(world: World) -> None:
    sale = Sale(world)
    await sale.stage("waiting_for_card")
    answer = await world.client.call("payment.cancel", {"idempotency_key": sale.key})
    assert answer["state"] in ("cancelling", "cancelled"), answer
    await world.refused(sale.answer, "CANCELLED")


async def a_time_out(world: World) -> None:
    await world.refused(Sale(world, timeout_ms=200).answer, "TIMED_OUT")


async def a_busy_device(world: World) -> None:
    first = Sale(world)
    await first.stage("waiting_for_card")
    fields = await world.refused(Sale(world).answer, "DEVICE_BUSY")
    assert fields["retry_after_ms"] > 0, fields
    await world.simulate(world.reader, action="tap", card="visa-approve")
    assert (await first.answer)["outcome"] == "approved"


async def a_reused_key(world: World) -> None:
    sale, result = await plain_sale(world)
    await world.refused(Sale(world, idempotency_key=sale.key).answer, "KEY_REUSED")
    repeated = await world.client.call("payment.sale", sale.params)
    assert repeated == {**result, "replayed": True}, repeated


async def a_lost_reply_tapped(world: World) -> None:
    # The first inquiry is lost too, so that the payment stays open long enough to be tried again.
    for at in ("authorize", "inquire"):
        await world.simulate(world.gateway, action="fault", fault="lose_reply", at=at, count=1)
    sale = Sale(world)
    await sale.present("tap", "visa-approve")
    while True:
        # Each question is answered before the next is asked.
        view = await world.client.call("payment.get", {"idempotency_key": sale.key})
        if view["outcome"] == "unknown" or "resolution" in view:
            break
        assert view["outcome"] == "running", view
    fields = await world.refused(Sale(world, amount=sale.params["amount"]).answer, "UNRESOLVED_TRANSACTION")
    assert fields["unresolved"] == [view["transaction_id"]], fields
    assert (await sale.answer)["outcome"] == "approved"
    assert await world.charged(sale) == 1


async def a_lost_reply_chip(world: World) -> None:
    resolved: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    world.client.hear("payment.resolved", lambda event: None if resolved.done() else resolved.set_result(event))
    await world.client.call("events.subscribe", {"topics": ["payment.resolved"]})
    await world.simulate(world.gateway, action="fault", fault="lose_reply", at="authorize", count=1)
    sale = Sale(world)
    await sale.present("insert", "visa-approve")
    fields = await world.refused(sale.answer, "TIMED_OUT", "reversing")
    transaction = (await resolved)["transaction"]
    seen = (transaction["transaction_id"], transaction["outcome"], transaction["money_moved"])
    assert seen == (fields["transaction_id"], "failed", "no"), transaction
    assert await world.charged(sale) == 0
    await world.simulate(world.reader, action="reset")


SCENARIOS: dict[str, Callable[[World], Awaitable[str | None]]] = {
    "a greeting": a_greeting,
    "a sale: progress with increasing seq, then one result": a_sale,
    "its ids come back as it made them": ids,
    "an unknown method": unknown_method,
    "bad params: the field is named": bad_params,
    "a question of the host": a_question,
    "a decline: outcome, money and retry in the error": a_decline,
    "a cancel while waiting for the card": a_cancel,
    "a time-out": a_time_out,
    "a busy device": a_busy_device,
    "the same key again: the same answer; another body: refused": a_reused_key,
    "a lost gateway reply, tapped: asked for, approved, charged once": a_lost_reply_tapped,
    "a lost gateway reply, chip: reversed, and told so": a_lost_reply_chip,
}


async def run_all(name: str, client: Client) -> bool:
    """Runs every scenario, prints a line for each, and answers whether all went well."""
    world = World(client)
    await world.meet(name)
    good = True
    for title, scenario in SCENARIOS.items():
        try:
            await world.idle()
            print(f"ok {name}: {title} = {await scenario(world) or 'yes'}", flush=True)
        except Exception:
            good = False
            text = traceback.format_exc().replace("\n", "\n  ")
            print(f"not ok {name}: {title}\n  {text}", flush=True)
    return good
