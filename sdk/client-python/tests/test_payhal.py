# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a register relies on: one answer per call, the same key again after a lost line, and an
unknown outcome that nobody can take for a failure."""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import Mapping
from typing import Any

import payhal
from payhal import OutcomeUnknown, PayhalError, error_from

from .scripted_host import Request, ScriptedHost, StoppedClock

APPROVED = {"transaction_id": "t1", "outcome": "approved", "approval_code": "123456", "replayed": False, "of_the_future": 1}


class World(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.host = await self.enterAsyncContext(ScriptedHost())
        self.clock = StoppedClock()
        self.states: asyncio.Queue[tuple[str, Mapping[str, Any]]] = asyncio.Queue()
        self.p = await payhal.connect(
            self.host.url, sleep=self.clock.sleep, rand=lambda: 0.5, prompts=["confirm_signature"],
            on_state_change=lambda state, detail: self.states.put_nowait((state, detail)),
        )
        self.addAsyncCleanup(self.p.close)
        await self.reach("open")

    async def reach(self, state: str) -> Mapping[str, Any]:
        while True:
            reached, detail = await self.states.get()
            if reached == state:
                return detail

    async def drop_and_return(self, request: Request) -> None:
        request.drop()
        detail = await self.reach("reconnecting")
        await self.clock.sleeper(detail["retry_in_s"])
        self.clock.advance(detail["retry_in_s"])
        await self.reach("open")


class Calls(World):
    async def test_a_sale_sends_its_key_hears_progress_in_order_and_returns_once(self) -> None:
        heard: list[tuple[int, str]] = []
        sale = self.p.sale(amount_minor=1250, currency="EUR", timeout_ms=9000, on_progress=lambda step: heard.append((step.seq, step.stage)))
        request = await self.host.next()
        self.assertEqual(request.method, "payment.sale")
        self.assertEqual(request.params, {"idempotency_key": sale.key, "amount": {"minor": 1250, "currency": "EUR"}, "timeout_ms": 9000})
        await request.progress(1, "accepted")
        await request.progress(2, "waiting_for_card")
        await request.progress(2, "waiting_for_card")
        await request.result(APPROVED)
        answer = await sale
        self.assertEqual(heard, [(1, "accepted"), (2, "waiting_for_card")])
        self.assertEqual((answer.approval_code, answer.fields["of_the_future"]), ("123456", 1))

    async def test_the_key_is_stored_before_anything_is_sent(self) -> None:
        stored = asyncio.Event()

        async def store(_: str) -> None:
            await stored.wait()

        def fail(_: str) -> None:
            raise OSError("disk full")

        sale = self.p.sale(amount_minor=1, currency="EUR", key="k-1", on_key=store)
        with self.assertRaises(OSError):
            await self.p.sale(amount_minor=1, currency="EUR", key="k-2", on_key=fail)
        listed = asyncio.create_task(self.p.devices())
        request = await self.host.next()
        self.assertEqual(request.method, "device.list")
        await request.result({"devices": []})
        await listed
        stored.set()
        request = await self.host.next()
        self.assertEqual(request.params["idempotency_key"], "k-1")
        await request.result(APPROVED)
        await sale

    async def test_errors_carry_name_outcome_money_and_what_to_do(self) -> None:
        cases: list[tuple[int, type[PayhalError], dict[str, Any]]] = [
            (3001, payhal.errors.Declined, {"name": "DECLINED", "outcome": "declined", "money_moved": "no", "retry": "new_key", "response_code": "51"}),
            (3002, payhal.errors.Cancelled, {"name": "CANCELLED", "outcome": "cancelled", "money_moved": "reversing", "retry": "new_key"}),
            (3003, payhal.errors.TimedOut, {"name": "TIMED_OUT", "outcome": "failed", "money_moved": "no", "retry": "new_key"}),
            (2002, payhal.errors.DeviceBusy, {"name": "DEVICE_BUSY", "outcome": "failed", "money_moved": "no", "retry": "same_key", "retry_after_ms": 15000}),
            (-32602, payhal.errors.InvalidRequest, {"name": "INVALID_PARAMS", "outcome": "failed", "money_moved": "no", "retry": "never", "field": "amount.minor"}),
        ]
        for code, kind, fields in cases:
            with self.subTest(code=code):
                sale = self.p.sale(amount_minor=1, currency="EUR")
                await (await self.host.next()).error(code, "words for the cashier", **fields)
                with self.assertRaises(kind) as caught:
                    await sale
                self.assertNotIsInstance(caught.exception, OutcomeUnknown)
                for name, value in fields.items():
                    self.assertEqual(getattr(caught.exception, name), value)

    async def test_a_float_never_leaves_the_register(self) -> None:
        for minor in (12.5, "1250", True):
            with self.assertRaises(payhal.errors.AmountInvalid):
                self.p.sale(amount_minor=minor, currency="EUR")  # type: ignore[arg-type]
        self.assertTrue(self.host.requests.empty())

    async def test_cancel_is_asked_and_the_call_keeps_its_own_answer(self) -> None:
        sale = self.p.sale(amount_minor=1, currency="EUR")
        request = await self.host.next()
        asked = asyncio.create_task(sale.cancel())
        cancel = await self.host.next()
        self.assertEqual((cancel.method, cancel.params), ("payment.cancel", {"idempotency_key": sale.key}))
        await cancel.result({"state": "too_late"})
        self.assertEqual(await asked, "too_late")
        await request.result(APPROVED)
        self.assertEqual((await sale).outcome, "approved")
        self.assertEqual(await sale.cancel(), "finished")

    async def test_cancelling_the_waiting_task_does_not_touch_the_payment(self) -> None:
        sale = self.p.sale(amount_minor=1, currency="EUR")

        async def wait() -> None:
            await sale

        waiting = asyncio.create_task(wait())
        request = await self.host.next()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await request.result(APPROVED)
        self.assertEqual((await sale).outcome, "approved")
        self.assertTrue(self.host.requests.empty())

    async def test_a_prompt_goes_to_its_call_once_and_the_answer_goes_back(self) -> None:
        self.assertEqual(self.host.greetings[0]["prompts"], ["confirm_signature"])
        asked: list[str] = []

        def answer(prompt: payhal.Prompt) -> dict[str, Any]:
            asked.append(prompt.kind)
            return {"accepted": True}

        sale = self.p.sale(amount_minor=1, currency="EUR", on_prompt=answer)
        request = await self.host.next()
        prompt = {"prompt_id": "p1", "transaction_id": "t1", "idempotency_key": sale.key, "kind": "confirm_signature"}
        await request.notify("payment.prompt", **prompt)
        response = await self.host.next()
        self.assertEqual((response.method, response.params), ("payment.respond", {"prompt_id": "p1", "accepted": True}))
        await response.result({"accepted": True})
        await request.notify("payment.prompt", **prompt)
        await request.result(APPROVED)
        await sale
        self.assertEqual(asked, ["confirm_signature"])

    async def test_a_callback_that_raises_does_not_lose_the_answer(self) -> None:
        def broken(_: payhal.Progress) -> None:
            raise RuntimeError("display broke")

        sale = self.p.sale(amount_minor=1, currency="EUR", on_progress=broken)
        request = await self.host.next()
        with self.assertLogs("payhal", "ERROR"):
            await request.progress(1, "accepted")
            await request.result(APPROVED)
            self.assertEqual((await sale).outcome, "approved")

    async def test_a_question_the_host_does_not_answer_ends_as_no_answer(self) -> None:
        listed = asyncio.create_task(self.p.list())
        await self.host.next()
        await self.clock.sleeper(30)
        self.clock.advance(30)
        with self.assertRaises(payhal.errors.NoAnswer):
            await listed


class LostLines(World):
    async def test_the_keyed_call_is_sent_again_same_key_same_body(self) -> None:
        heard: list[int] = []
        sale = self.p.sale(amount_minor=1250, currency="EUR", reference="R1", on_progress=lambda step: heard.append(step.seq))
        first = await self.host.next()
        await first.progress(1, "accepted")
        await self.drop_and_return(first)
        second = await self.host.next()
        self.assertEqual(second.params, first.params)
        self.assertIsNot(second.socket, first.socket)
        await second.progress(1, "accepted")
        await second.progress(2, "authorizing")
        await second.result({**APPROVED, "replayed": True})
        self.assertTrue((await sale).replayed)
        self.assertLessEqual(heard.count(1), 1)
        self.assertEqual(heard[-1], 2)

    async def test_a_call_without_a_key_ends_as_connection_lost(self) -> None:
        listed = asyncio.create_task(self.p.list())
        (await self.host.next()).drop()
        with self.assertRaises(payhal.errors.ConnectionLost) as caught:
            await listed
        self.assertEqual((caught.exception.outcome, caught.exception.money_moved), ("failed", "no"))

    async def test_back_off_grows_to_its_bound(self) -> None:
        delays: list[float] = []
        await self.host.stop()
        for _ in range(9):
            delays.append((await self.reach("reconnecting"))["retry_in_s"])
            await self.clock.sleeper(delays[-1])
            self.clock.advance(delays[-1])
        expected = [0.15, 0.3, 0.6, 1.2, 2.4, 4.8, 7.5, 7.5, 7.5]
        for delay, wanted in zip(delays, expected, strict=True):
            self.assertAlmostEqual(delay, wanted)

    async def test_a_refusal_at_the_door_of_a_re_sent_call_is_waited_out(self) -> None:
        sale = self.p.sale(amount_minor=1, currency="EUR")
        first = await self.host.next()
        await self.drop_and_return(first)
        second = await self.host.next()
        await second.error(5001, "journal", name="JOURNAL_UNAVAILABLE", outcome="failed", money_moved="no", retry="same_key", retry_after_ms=700)
        await self.clock.sleeper(0.7)
        self.clock.advance(0.7)
        third = await self.host.next()
        self.assertEqual(third.params, first.params)
        await third.result(APPROVED)
        self.assertEqual((await sale).outcome, "approved")

    async def test_access_refused_to_a_re_sent_call_is_unknown_to_a_first_one_a_refusal(self) -> None:
        denied = {"name": "PERMISSION_DENIED", "outcome": "failed", "money_moved": "no", "retry": "never"}
        plain = self.p.sale(amount_minor=1, currency="EUR")
        await (await self.host.next()).error(1003, "denied", **denied)
        with self.assertRaises(payhal.errors.PermissionDenied):
            await plain
        sale = self.p.sale(amount_minor=1, currency="EUR")
        await self.drop_and_return(await self.host.next())
        await (await self.host.next()).error(1003, "denied", **denied)
        with self.assertRaises(OutcomeUnknown) as caught:
            await sale
        self.assertIsInstance(caught.exception.__cause__, payhal.errors.PermissionDenied)

    async def test_a_sale_that_cannot_be_sent_is_given_up_and_nothing_was_sent(self) -> None:
        await self.host.stop()
        await self.reach("reconnecting")
        sale = self.p.sale(amount_minor=1, currency="EUR")
        await self.clock.sleeper(15)
        self.clock.advance(15)
        with self.assertRaisesRegex(payhal.errors.ConnectionLost, "Nothing was sent"):
            await sale

    async def test_a_cancel_while_the_line_is_down_is_sent_behind_the_call(self) -> None:
        sale = self.p.sale(amount_minor=1, currency="EUR")
        (await self.host.next()).drop()
        detail = await self.reach("reconnecting")
        self.assertEqual(await sale.cancel(), "cancelling")
        await self.clock.sleeper(detail["retry_in_s"])
        self.clock.advance(detail["retry_in_s"])
        again, cancel = await self.host.next(), await self.host.next()
        self.assertEqual((again.method, cancel.method), ("payment.sale", "payment.cancel"))
        await cancel.result({"state": "cancelling"})
        await again.error(3002, "cancelled", name="CANCELLED", outcome="cancelled", money_moved="no", retry="new_key")
        with self.assertRaises(payhal.errors.Cancelled):
            await sale

    async def test_closing_while_a_sale_is_on_its_way_is_unknown_not_failed(self) -> None:
        sale = self.p.sale(amount_minor=1, currency="EUR")
        await self.host.next()
        await self.p.close()
        with self.assertRaises(OutcomeUnknown) as caught:
            await sale
        self.assertEqual((caught.exception.retry, caught.exception.idempotency_key), ("same_key", sale.key))
        with self.assertRaises(payhal.errors.ConnectionLost):
            await self.p.sale(amount_minor=1, currency="EUR")

    async def test_events_are_subscribed_again_from_where_they_stood(self) -> None:
        heard: list[str] = []
        subscribing = asyncio.create_task(self.p.subscribe(["device.changed"], lambda event: heard.append(event.method)))
        request = await self.host.next()
        self.assertEqual(request.params, {"topics": ["device.changed"]})
        await request.result({"seq": 40, "missed": False})
        await subscribing
        await request.notify("device.changed", seq=41)
        await request.notify("payment.progress", idempotency_key="other", seq=7)
        await request.notify("payment.changed", seq=42)
        barrier = asyncio.create_task(self.p.devices())
        await (await self.host.next()).result({"devices": []})
        await barrier
        await self.drop_and_return(request)
        again = await self.host.next()
        self.assertEqual(again.params, {"topics": ["device.changed"], "since_seq": 42})
        await again.result({"seq": 99, "missed": True})
        barrier = asyncio.create_task(self.p.devices())
        await (await self.host.next()).result({"devices": []})
        await barrier
        self.assertEqual(heard, ["device.changed", "events.missed"])


class Connecting(unittest.IsolatedAsyncioTestCase):
    async def test_connect_fails_when_nothing_listens(self) -> None:
        async with ScriptedHost() as host:
            url = host.url
        with self.assertRaises(payhal.errors.ConnectionLost) as caught:
            async with payhal.connect(url):
                self.fail("there is no host")
        self.assertEqual(caught.exception.money_moved, "no")

    async def test_a_host_that_refuses_the_greeting_ends_the_connection_with_its_error(self) -> None:
        async with ScriptedHost() as host:
            host.refuse_greeting = {"code": 1005, "message": "too old", "data": {"name": "PROTOCOL_UNSUPPORTED"}}
            with self.assertRaises(payhal.errors.ProtocolUnsupported):
                await payhal.connect(host.url)


class Errors(unittest.TestCase):
    def test_an_unknown_outcome_is_its_own_class_whatever_code_it_came_with(self) -> None:
        for code, fields in [
            (3004, {}),
            (4001, {"name": "PLUGIN_FAILED", "outcome": "unknown", "money_moved": "unknown"}),
            (9999, {"name": "FROM_THE_FUTURE", "outcome": "unknown"}),
        ]:
            error = error_from({"code": code, "message": "x", "data": fields})
            self.assertIsInstance(error, OutcomeUnknown)
            self.assertEqual((error.outcome, error.money_moved), ("unknown", "unknown"))
        self.assertNotIsInstance(error_from({"code": 9999, "message": "x", "data": {"outcome": "failed"}}), OutcomeUnknown)


if __name__ == "__main__":
    unittest.main()
