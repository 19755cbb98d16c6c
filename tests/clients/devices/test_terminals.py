# SPDX-License-Identifier: MIT OR Apache-2.0
"""Our plugin sells, on a real daemon, on terminals made of others' code."""

import socket
import tempfile
import unittest

import telium
from peers import Aside, Daemon, Line, PATIENCE_S, shop_method

ENQ, ACK, NAK, EOT = b"\x05", b"\x06", b"\x15", b"\x04"

# How `payhal sale` ends.
DECLINED, NO_MONEY, UNKNOWN = {10}, {10, 11, 12}, {13}

PAYMENT_S = 5


class TerminalOnALine(unittest.TestCase):
    """pyTeliumManager's frames, as a terminal, on a serial line."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.line = Line(folder.name)
        self.addCleanup(self.line.close)
        self.daemon = Daemon(
            "[[device]]\n"
            'name = "counter"\n'
            'plugin = "concert-terminal-serial"\n'
            f'ports = {{ main = "{self.line.link}" }}\n'
            # It waits so long for the answer to what it asked.
            f"config = {{ answer_timeout_s = {PAYMENT_S} }}\n"
        )
        self.addCleanup(self.daemon.stop)
        self.daemon.ready()

    def asked(self):
        """What the till asks for; the frame must be the very one that the other program makes."""
        self.assertEqual(self.line.read(1), ENQ)
        self.line.write(ACK)
        frame = self.line.read(37)
        ask = telium.TeliumAsk.decode(frame)
        again = telium.TeliumAsk(
            ask.pos_number,
            ask.answer_flag,
            ask.transaction_type,
            ask.payment_mode,
            ask.currency_numeric,
            ask.delay,
            ask.authorization,
            ask.amount,
        )
        # The one field that it never fills in itself.
        again._private = frame[17:27].decode("ascii")
        self.assertEqual(again.encode().encode("ascii"), frame)
        self.line.write(ACK)
        self.assertEqual(self.line.read(1), EOT)
        return ask, again._private

    def answer(self, ask, private, result, amount=None):
        report = f"{'4111111111111111':<55}" if ask.answer_flag == "1" else ""
        answer = telium.TeliumResponse(
            ask.pos_number,
            result,
            amount or ask.amount,
            ask.payment_mode,
            report,
            ask.currency_numeric,
            private,
        )
        self.line.write(ENQ)
        self.assertEqual(self.line.read(1), ACK)
        self.line.write(answer.encode().encode("ascii"))
        self.assertEqual(self.line.read(1), ACK)
        self.line.write(EOT)

    def test_a_payment_is_asked_for_in_its_bytes_and_approved(self):
        selling = Aside(self.daemon.run, "sale", "12.50", "EUR")
        ask, private = self.asked()
        self.assertEqual(ask.amount, 12.5)
        # An exclusive or of all characters is the same with these two exchanged.
        self.assertEqual(ask.payment_mode, telium.TERMINAL_TYPE_PAYMENT_CARD)
        self.assertEqual(ask.transaction_type, telium.TERMINAL_MODE_PAYMENT_DEBIT)
        self.assertEqual(ask.currency_numeric, telium.TERMINAL_NUMERIC_CURRENCY_EUR)
        self.answer(ask, private, telium.TERMINAL_PAYMENT_SUCCESS)
        code, said = selling.done()
        self.assertEqual(code, 0, said)

    def test_a_refusal_is_a_refusal_and_what_is_not_verified_is_not_known(self):
        for result, expected in [
            (telium.TERMINAL_PAYMENT_REJECTED, NO_MONEY),
            (telium.TERMINAL_PAYMENT_NOT_VERIFIED, UNKNOWN),
        ]:
            selling = Aside(self.daemon.run, "sale", "12.50", "EUR")
            ask, private = self.asked()
            self.answer(ask, private, result)
            code, said = selling.done()
            self.assertIn(code, expected, said)

    def test_an_answer_to_another_request_is_not_believed(self):
        selling = Aside(self.daemon.run, "sale", "12.50", "EUR")
        ask, _ = self.asked()
        self.answer(ask, "999999OTHR", telium.TERMINAL_PAYMENT_SUCCESS)
        code, said = selling.done()
        self.assertIn(code, UNKNOWN, said)


class TerminalOverTcp(unittest.TestCase):
    """A terminal that reads and writes with the shop's codec."""

    def setUp(self):
        self.shop = shop_method()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE_S)
        self.addCleanup(self.listener.close)
        address = "{}:{}".format(*self.listener.getsockname())
        self.daemon = Daemon(
            "[[device]]\n"
            'name = "counter"\n'
            'plugin = "concert-terminal"\n'
            f'network = ["{address}"]\n'
            f'config = {{ address = "{address}" }}\n'
        )
        self.addCleanup(self.daemon.stop)
        # It becomes ready once somebody takes its connection, and says nothing on it.
        letting_in = Aside(self.let_in)
        self.daemon.ready()
        letting_in.done()

    def let_in(self):
        till, _ = self.listener.accept()
        with till:
            self.assertEqual(till.recv(1), b"")

    def asked(self):
        """The connection and the request of a payment; connections that ask nothing are let go."""
        while True:
            till, _ = self.listener.accept()
            till.settimeout(PATIENCE_S)
            request = b""
            while not self.is_whole(request):
                piece = till.recv(1024)
                if not piece:
                    break
                request += piece
            if request:
                return till, request.decode("ascii")
            till.close()

    def is_whole(self, request):
        """With the other codec: nothing is cut off, and all that it needs is there."""
        try:
            told = self.shop._fr_caisse_ap_ip_parse_answer(request.decode("ascii"))
        except ValueError:
            return False
        whole = self.shop._fr_caisse_ap_ip_prepare_msg(dict(told)) == request.decode("ascii") if told else False
        return whole and {"CJ", "CA", "CB", "CD", "CE", "BF"} <= set(told)

    def sell(self, answer):
        """A sale of 12.50 on a terminal that answers with the request and these fields."""
        selling = Aside(self.daemon.run, "sale", "12.50", "EUR")
        till, request = self.asked()
        with till:
            told = self.shop._fr_caisse_ap_ip_parse_answer(request)
            self.assertEqual(self.shop._fr_caisse_ap_ip_prepare_msg(dict(told)), request)
            reply = self.shop._fr_caisse_ap_ip_prepare_msg(dict(told) | answer)
            till.sendall(reply.encode("ascii"))
            code, said = selling.done()
        return code, said, told

    def test_a_payment_is_asked_for_as_the_other_codec_would(self):
        paid = {"AE": "10", "CC": "001", "CI": "1", "AC": "621656", "AA": "411111######1111", "AI": "A0000000031010"}
        code, said, told = self.sell(paid)
        self.assertEqual(code, 0, said)
        order = {"amount": 12.5, "currency_id": 1}
        theirs = self.shop._fr_caisse_ap_ip_prepare_message(order)
        for tag in ["CA", "CB", "CD", "CE"]:
            self.assertEqual(told[tag], theirs[tag], tag)
        self.assertEqual(list(told)[:6], ["CZ", "CJ", "CA", "CB", "CD", "CE"])

    def test_the_reasons_of_a_refusal_are_understood(self):
        for answer, expected in [
            ({"AE": "01", "AF": "04"}, DECLINED),
            ({"AE": "01", "AF": "05"}, NO_MONEY),
            ({"AE": "01", "AF": "06"}, NO_MONEY),
            ({"AE": "01", "AF": "08"}, NO_MONEY),
        ]:
            code, said, _ = self.sell(answer)
            self.assertIn(code, expected, f"{answer}: {said}")

    def test_more_money_than_was_asked_for_is_not_believed(self):
        code, said, _ = self.sell({"AE": "10", "CB": "1251"})
        self.assertIn(code, UNKNOWN, said)

    def test_another_currency_is_not_believed(self):
        code, said, _ = self.sell({"AE": "10", "CE": "840"})
        self.assertIn(code, UNKNOWN, said)


if __name__ == "__main__":
    unittest.main()
