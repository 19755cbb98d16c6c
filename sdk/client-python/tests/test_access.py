# SPDX-License-Identifier: MIT OR Apache-2.0
"""Access: pairing, the host's proof before the register's, rotation, and what an impostor gets: nothing."""

from __future__ import annotations

import asyncio
import logging
import stat
import tempfile
import unittest
import unittest.mock
from pathlib import Path
from typing import Any

import payhal
from payhal import OutcomeUnknown, errors, proofs

from .certificate import certified
from .paired_host import PairedHost
from .scripted_host import Request, ScriptedHost, StoppedClock
from .test_payhal import APPROVED


class World(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.host = await self.enterAsyncContext(PairedHost())
        self.clock = StoppedClock()
        self.store = payhal.PairingFile(Path(self.enterContext(tempfile.TemporaryDirectory())) / "keys" / "till-1.json")
        self.states: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.numbers: list[str] = []

    async def connect(self, **more: Any) -> payhal.Payhal:
        p = await payhal.connect(
            self.host.url, register_id="till-1", store=self.store, sleep=self.clock.sleep, rand=lambda: 0.5,
            on_state_change=lambda state, detail: self.states.put_nowait((state, detail)), **more,
        )
        self.addAsyncCleanup(p.close)
        await self.reach("open")
        return p

    async def pair(self) -> payhal.Payhal:
        """Pairs, and connects as the register does from then on."""
        await payhal.pair(self.host.url, register_id="till-1", name="Till 1", on_number=self.numbers.append, store=self.store)
        return await self.connect()

    async def reach(self, state: str) -> Any:
        while True:
            reached, detail = await self.states.get()
            if reached == state:
                return detail

    async def drop_and_return(self, request: Request) -> None:
        request.drop()
        await self.wait_out(await self.reach("reconnecting"))

    async def wait_out(self, detail: Any) -> None:
        await self.clock.sleeper(detail["retry_in_s"])
        self.clock.advance(detail["retry_in_s"])

    async def in_flight(self, p: payhal.Payhal) -> tuple[payhal.MoneyCall[payhal.Approved], Request]:
        sale = p.sale(amount_minor=1, currency="EUR")
        return sale, await self.host.next()


class Pairing(World):
    async def test_both_see_one_number_and_the_key_is_kept_for_its_owner_only(self) -> None:
        with self.assertRaisesRegex(errors.PairingRequired, "Nothing was sent") as caught:
            await self.connect()
        self.assertEqual((caught.exception.why, caught.exception.retry), ("never", "ask_operator"))
        p = await self.connect(to_pair=True)
        with self.assertRaises(errors.PairingRequired):
            await p.sale(amount_minor=1, currency="EUR")
        pairing = await p.pair("Till 1", self.numbers.append)
        self.assertEqual([number.replace(" ", "") for number in self.numbers], [self.host.number])
        self.assertEqual((p.access, p.permissions, self.host.proven), ("paired", ("batch_close",), [pairing.key_id]))
        self.assertEqual(p.limits["sale_max"], [{"minor": 50000, "currency": "EUR"}])
        self.assertEqual(stat.S_IMODE(self.store.path.stat().st_mode), 0o600)
        self.assertEqual(self.store.load(), pairing)
        self.assertNotIn(proofs.b64(pairing.secret), repr(pairing))
        self.assertTrue(self.host.requests.empty())

    async def test_a_host_with_another_key_is_refused_and_nothing_is_kept(self) -> None:
        self.host.other_key = True
        with self.assertRaises(errors.ImpostorHost):
            await self.pair()
        self.assertIsNone(self.store.load())

    async def test_a_key_that_others_may_read_is_not_used(self) -> None:
        await (await self.pair()).close()
        self.store.path.chmod(0o640)
        with self.assertRaisesRegex(payhal.PayhalError, "others may read"):
            await self.connect()
        self.store.path.chmod(0o600)
        self.store.path.write_text('{"secret": "thesecret"}')
        with self.assertRaises(payhal.PayhalError) as caught:
            await self.connect()
        self.assertNotIn("thesecret", str(caught.exception))

    async def test_a_new_connection_proves_and_goes_on(self) -> None:
        await (await self.pair()).close()
        p = await self.connect()
        self.assertEqual((p.access, len(self.host.proven)), ("paired", 3))
        sale, request = await self.in_flight(p)
        await request.result(APPROVED)
        self.assertEqual((await sale).outcome, "approved")


class Impostors(World):
    async def test_a_wrong_proof_an_open_door_and_another_host_get_nothing(self) -> None:
        await (await self.pair()).close()
        proven = len(self.host.proven)
        for lie in ({"proof": proofs.new_nonce()}, {"state": "open"}, {"host": {"id": "other", "name": "test", "version": "0"}}):
            with self.subTest(lie=lie):
                self.host.lie = lie
                with self.assertRaises(errors.ImpostorHost) as caught:
                    await self.connect()
                self.assertEqual((caught.exception.money_moved, caught.exception.retry), ("no", "ask_operator"))
        self.assertTrue(self.host.requests.empty())
        self.assertEqual(len(self.host.proven), proven)

    async def test_one_that_claims_to_know_no_pairing_is_sent_no_payment(self) -> None:
        await (await self.pair()).close()
        self.host.secrets.clear()
        with self.assertRaises(errors.PairingRequired) as caught:
            await self.connect()
        self.assertEqual(caught.exception.why, "forgotten")
        p = await self.connect(to_pair=True)
        with self.assertRaises(errors.PairingRequired):
            await p.sale(amount_minor=1, currency="EUR")
        with self.assertRaises(errors.PairingRequired):
            await p.devices()
        self.assertTrue(self.host.requests.empty())

    async def test_a_payment_under_way_is_not_sent_again_to_an_impostor_and_is_unknown(self) -> None:
        for lie in ({"proof": proofs.new_nonce()}, {"state": "unpaired"}):
            with self.subTest(lie=lie):
                self.host.lie = {}
                p = await self.pair()
                sale, request = await self.in_flight(p)
                self.host.lie = lie
                await self.drop_and_return(request)
                with self.assertRaises(OutcomeUnknown) as caught:
                    await sale
                self.assertEqual(caught.exception.idempotency_key, sale.key)
                self.assertTrue(self.host.requests.empty())
                await p.close()

    async def test_a_payment_under_way_is_sent_again_once_the_host_has_proven_itself(self) -> None:
        p = await self.pair()
        sale, request = await self.in_flight(p)
        before = len(self.host.proven)
        await self.drop_and_return(request)
        again = await self.host.next()
        self.assertEqual(len(self.host.proven), before + 1)
        self.assertEqual(again.params, request.params)
        await again.result(APPROVED)
        self.assertEqual((await sale).outcome, "approved")


class Ends(World):
    async def test_a_pairing_that_the_operator_ended_is_told_and_not_tried_again(self) -> None:
        p = await self.pair()
        sale, request = await self.in_flight(p)
        await request.notify("session.ended", why="replaced", message="Another register took this one's place.")
        detail = await self.reach("closed")
        self.assertEqual((detail["error"].name, detail["error"].why), ("PAIRING_REQUIRED", "replaced"))
        with self.assertRaises(OutcomeUnknown) as caught:
            await sale
        self.assertIsInstance(caught.exception.__cause__, errors.PairingRequired)
        self.host.secrets.clear()
        self.host.why = "replaced"
        with self.assertRaises(errors.PairingRequired) as refused:
            await self.connect()
        self.assertEqual(refused.exception.why, "replaced")
        self.assertEqual((await self.pair()).access, "paired")

    async def test_a_rate_limit_on_the_greeting_is_waited_out(self) -> None:
        p = await self.pair()
        sale, request = await self.in_flight(p)

        refused = self.host._hello

        async def limited(hello: Request) -> None:
            self.host._hello = refused  # type: ignore[method-assign]
            await hello.error(1004, "slowly", name="RATE_LIMITED", outcome="failed", money_moved="no", retry="same_key", retry_after_ms=7000)

        self.host._hello = limited  # type: ignore[method-assign, assignment]
        await self.drop_and_return(request)
        detail = await self.reach("reconnecting")
        self.assertEqual(detail["retry_in_s"], 7.0)
        await self.wait_out(detail)
        await (await self.host.next()).result(APPROVED)
        self.assertEqual((await sale).outcome, "approved")


class Rotation(World):
    async def test_the_new_secret_is_proven_on_the_next_connection_and_only_then_the_old_one_forgotten(self) -> None:
        await (await self.pair()).close()
        self.host.rotate = True
        old = self.store.load()
        assert old is not None
        p = await self.connect()
        rotated = await self.host.next()
        self.assertEqual(rotated.method, "pairing.rotate")
        while (kept := self.store.load()) is None or kept.previous is None:
            await asyncio.sleep(0)
        self.assertEqual((kept.previous, kept.key_id in self.host.secrets), (old.secret, True))
        await p.close()
        p = await self.connect()
        last = self.store.load()
        assert last is not None
        self.assertEqual((p.access, last.secret, last.previous, self.host.proven[-1]), ("paired", kept.secret, None, kept.key_id))

    async def test_a_host_that_never_kept_the_new_secret_is_proven_the_old_one(self) -> None:
        await (await self.pair()).close()
        old = self.store.load()
        assert old is not None
        self.store.save(payhal.Pairing(host_id="h", host_name="test", register_id="till-1", secret=bytes(32), previous=old.secret))
        p = await self.connect()
        self.assertEqual((p.access, self.store.load()), ("paired", old))


class Tls(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        # The host's side of a refused handshake is logged as an error of asyncio's.
        self.enterContext(unittest.mock.patch.object(logging.getLogger("asyncio"), "disabled", True))
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        context, self.fingerprint = certified(self.folder)
        self.host = PairedHost(context, self.fingerprint)
        await self.enterAsyncContext(self.host)

    async def test_a_pinned_certificate_is_accepted_and_bound_into_pairing_and_proofs(self) -> None:
        keys = payhal.PairingFile(self.folder / "key")
        spelled = ":".join(self.fingerprint[at:at + 2].upper() for at in range(0, 64, 2))
        for round in range(2):
            options: dict[str, Any] = {"register_id": "till-1", "store": keys, "fingerprint": spelled}
            if round == 0:
                await payhal.pair(self.host.url, name="Till 1", on_number=lambda _: None, **options)
            async with payhal.connect(self.host.url, **options) as p:
                self.assertEqual(p.access, "paired")

    async def test_another_certificate_than_the_pinned_one_gets_no_greeting(self) -> None:
        with self.assertRaises(errors.ImpostorHost):
            await payhal.connect(self.host.url, fingerprint="00" * 32)
        self.assertEqual(self.host.greetings, [])

    async def test_without_a_pin_the_system_s_trust_decides(self) -> None:
        with self.assertRaisesRegex(errors.ConnectionLost, "certificate verify failed"):
            await payhal.connect(self.host.url)
        self.assertEqual(self.host.greetings, [])


class AfterARestart(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.host = await self.enterAsyncContext(ScriptedHost())
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory())) / "attempts"

    async def connect(self, **more: Any) -> payhal.Payhal:
        p = await payhal.connect(self.host.url, journal=payhal.JournalFile(self.path), **more)
        self.addAsyncCleanup(p.close)
        return p

    async def answer_looks(self, **by_key: Any) -> None:
        for _ in by_key:
            request = await self.host.next()
            self.assertEqual(request.method, "payment.get")
            view = by_key[request.params["idempotency_key"]]
            if view is None:
                await request.error(3006, "none", name="TRANSACTION_NOT_FOUND", outcome="failed", money_moved="no", retry="never")
            else:
                await request.result({"transaction_id": "t", "outcome": view[0], "money_moved": view[1]})

    async def test_keys_are_kept_until_their_outcome_is_known(self) -> None:
        p = await self.connect()
        lost: list[payhal.MoneyCall[payhal.Approved]] = []
        for key, outcome in (("done", "approved"), ("declined", "declined"), ("lost", None), ("unknown", "unknown")):
            sale = p.sale(amount_minor=1, currency="EUR", key=key)
            request = await self.host.next()
            self.assertIn(key, payhal.JournalFile(self.path).pending(), "kept before it was sent")
            if outcome == "approved":
                await request.result(APPROVED)
                await sale
            elif outcome is None:
                lost.append(sale)
            else:
                code, moved = (3001, "no") if outcome == "declined" else (3004, "unknown")
                await request.error(code, "x", outcome=outcome, money_moved=moved)
                with self.assertRaises(payhal.PayhalError):
                    await sale
        await p.close()
        with self.assertRaises(OutcomeUnknown):
            await lost[0]
        again = payhal.JournalFile(self.path)
        self.assertEqual(again.pending(), ["lost", "unknown"])
        again.remember("never-arrived", "payment.sale")

        p = await self.connect()
        asked = asyncio.create_task(p.recover())
        await self.answer_looks(**{"lost": ("approved", "yes"), "unknown": ("unknown", "unknown"), "never-arrived": None})
        found = await asked
        self.assertEqual({key: (one.outcome, one.money_moved, one.settled) for key, one in found.items()}, {
            "lost": ("approved", "yes", True), "unknown": ("unknown", "unknown", False), "never-arrived": ("failed", "no", True),
        })
        self.assertEqual(payhal.JournalFile(self.path).pending(), ["unknown"])

    async def test_what_runs_is_looked_at_again_for_a_while(self) -> None:
        clock = StoppedClock()
        p = await self.connect(sleep=clock.sleep)
        asked = asyncio.create_task(p.recover(["k"], wait_s=60))
        await self.answer_looks(k=("running", "unknown"))
        await clock.sleeper(0.5)
        clock.advance(0.5)
        await self.answer_looks(k=("approved", "yes"))
        self.assertEqual((await asked)["k"].outcome, "approved")

    def test_a_line_that_a_full_disk_cut_off_takes_no_other_with_it(self) -> None:
        attempts = payhal.JournalFile(self.path)
        attempts.remember("a", "payment.sale")
        with self.path.open("a") as file:
            file.write('{"key": "cut-o')
        attempts.remember("b", "payment.sale")
        self.assertEqual([key for key in payhal.JournalFile(self.path).pending() if key in "ab"], ["a", "b"])


if __name__ == "__main__":
    unittest.main()
