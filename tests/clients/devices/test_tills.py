# SPDX-License-Identifier: MIT OR Apache-2.0
"""Tills that others wrote sell on our simulated terminal."""

import socket
import tempfile
import unittest
from pathlib import Path

import telium
from peers import Aside, Simulator, shop_method


class TillOnALine(unittest.TestCase):
    """pyTeliumManager, as a till, on a serial line."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        link = Path(folder.name) / "terminal"
        self.terminal = Simulator("--pty", link)
        self.addCleanup(self.terminal.stop)
        self.till = telium.Telium(str(link), timeout=10)
        self.addCleanup(self.till.close)
        self.heard = b""
        read = self.till._device.read

        def listened(size=1):
            got = read(size)
            self.heard += got
            return got

        self.till._device.read = listened

    def sell(self, words, amount=12.5, full=True, kind=telium.TERMINAL_MODE_PAYMENT_DEBIT):
        flag = telium.TERMINAL_ANSWER_SET_FULLSIZED if full else telium.TERMINAL_ANSWER_SET_SMALLSIZED
        ask = telium.TeliumAsk(
            "1",
            flag,
            kind,
            telium.TERMINAL_TYPE_PAYMENT_CARD,
            telium.TERMINAL_NUMERIC_CURRENCY_EUR,
            telium.TERMINAL_REQUEST_ANSWER_WAIT_FOR_TRANSACTION,
            telium.TERMINAL_FORCE_AUTHORIZATION_DISABLE,
            amount,
        )
        self.terminal.does(words)
        self.heard = b""
        self.assertTrue(self.till.ask(ask))
        answer = self.till.verify(ask, waiting_timeout=30)
        # Not only what it made of it: the very bytes that it would have sent itself.
        again = telium.TeliumResponse(
            "1",
            answer.transaction_result,
            amount,
            telium.TERMINAL_TYPE_PAYMENT_CARD,
            answer.repport,
            telium.TERMINAL_NUMERIC_CURRENCY_EUR,
            " " * 10,
        )
        self.assertEqual(self.heard, b"\x06\x06\x05" + again.encode().encode() + b"\x04")
        return answer

    def test_a_card_pays_and_its_number_is_told_to_who_wants_it(self):
        answer = self.sell("insert visa-approve")
        self.assertTrue(answer.has_succeeded)
        self.assertEqual(answer.card_id, "4111111111111111")
        answer = self.sell("insert visa-approve", full=False)
        self.assertEqual((answer.transaction_result, answer.repport), (0, ""))
        booked = {"kind": "payment", "minor": 1250, "approved": True}
        self.assertEqual(self.terminal.books(), [booked, booked])

    def test_refusals_and_what_nobody_verified(self):
        self.assertEqual(self.sell("refuse").transaction_result, telium.TERMINAL_PAYMENT_REJECTED)
        self.assertEqual(self.sell("abandon").transaction_result, telium.TERMINAL_PAYMENT_REJECTED)
        unverified = self.sell("unverified").transaction_result
        self.assertEqual(unverified, telium.TERMINAL_PAYMENT_NOT_VERIFIED)

    def test_money_goes_back_and_payments_are_taken_back(self):
        self.sell("tap", amount=99999.99)
        self.sell("tap", amount=3.0, kind=telium.TERMINAL_MODE_PAYMENT_CREDIT)
        self.sell("idle", amount=99999.99, kind=telium.TERMINAL_MODE_PAYMENT_REFUND)
        kinds = [(booked["kind"], booked["minor"]) for booked in self.terminal.books()]
        self.assertEqual(kinds, [("payment", 9999999), ("credit", 300), ("reversal", 9999999)])

    def test_a_busy_terminal_and_a_refused_frame_are_noticed(self):
        self.terminal.does("busy")
        with self.assertRaises(telium.TerminalInitializationFailedException):
            self.sell("idle")
        self.terminal.does("nak")
        with self.assertRaises(AssertionError):
            self.sell("idle")
        self.assertEqual(self.terminal.books(), [])

    def test_a_wrong_check_sum_is_noticed(self):
        self.terminal.does("wrong-lrc")
        with self.assertRaises(telium.LrcChecksumException):
            self.sell("tap")


class ShopOverTcp(unittest.TestCase):
    """The point of sale of a shop's software, over TCP."""

    def setUp(self):
        self.terminal = Simulator("--port", 0)
        self.addCleanup(self.terminal.stop)
        host, port = self.terminal.place.rsplit(":", 1)
        self.place = (host, int(port))
        self.shop = shop_method(*self.place)

    def sell(self, words, amount=12.5):
        self.terminal.does(words)
        order = {"amount": amount, "currency_id": 1, "payment_method_id": 1, "timeout": 33_000}
        return self.shop.fr_caisse_ap_ip_send_payment(order)

    def test_cards_pay_and_are_refused(self):
        paid = self.sell("tap visa-approve")
        self.assertEqual(paid["payment_status"], "success", paid)
        self.assertEqual(paid["card_type"], "Application CB sans contact (code B) - Read mode: sans contact (code 2)")
        self.assertIn("AA-411111######1111", paid["transaction_id"])
        self.assertIn("AI-A0000000031010", paid["transaction_id"])
        paid = self.sell("insert amex-approve")
        self.assertTrue(paid["card_type"].startswith("Application Amex contact (code 2)"), paid)
        back = self.sell("tap", amount=-3.0)
        self.assertEqual(back["payment_status"], "success", back)
        for words, why in [
            ("refuse", "Refusée"),
            ("forbidden", "Interdite"),
            ("voice-call", "Appel phonie"),
            ("abandon", "Abandon"),
            ("incomplete", "Non aboutie"),
            ("operator-abandon", "Opération non effectuée Abandon Opérateur"),
        ]:
            refused = self.sell(words)
            self.assertEqual(refused["payment_status"], "failure", words)
            self.assertTrue(refused["error_message"].endswith(f": {why}"), refused)
        approved = [booked["minor"] for booked in self.terminal.books() if booked["approved"]]
        self.assertEqual(approved, [1250, 1250, 300])

    def test_an_answer_that_fits_nothing_is_no_success(self):
        for words in ["wrong-lrc", "hang-up"]:
            self.terminal.does("tap")
            try:
                sold = self.sell(words)
            except ValueError:
                # Its codec takes what it cannot read for a number.
                continue
            self.assertNotEqual(sold["payment_status"], "success", words)

    def test_what_is_answered_is_what_the_other_codec_writes(self):
        self.terminal.does("insert visa-approve")
        fields = {"CJ": "012345678901", "CA": "01", "CE": "978", "CD": "0", "CB": "1250", "BA": "0", "CF": "000042AB"}
        request = self.shop._fr_caisse_ap_ip_prepare_msg(dict(fields))
        with socket.create_connection(self.place, timeout=30) as till:
            # In three pieces, as a network may deliver it.
            for at in range(0, len(request), 20):
                till.sendall(request[at : at + 20].encode("ascii"))
            answer = till.recv(1024).decode("ascii")
        told = self.shop._fr_caisse_ap_ip_parse_answer(answer)
        self.assertEqual(self.shop._fr_caisse_ap_ip_prepare_msg(dict(told)), answer)
        self.assertTrue(answer.startswith(request), answer)
        self.assertEqual(told["AE"], "10")
        self.assertTrue(set(told) >= {"AA", "AB", "AC", "AI", "CC", "CI"}, told)

    def test_a_second_till_is_told_that_it_is_not_its_turn(self):
        first = Aside(self.sell, "idle")
        self.terminal.line("^< CD=0")
        busy = self.shop.fr_caisse_ap_ip_send_payment(
            {"amount": 1.0, "currency_id": 1, "payment_method_id": 1, "timeout": 33_000}
        )
        self.assertEqual(busy["payment_status"], "failure", busy)
        self.terminal.does("tap")
        self.assertEqual(first.done()["payment_status"], "success")


if __name__ == "__main__":
    unittest.main()
