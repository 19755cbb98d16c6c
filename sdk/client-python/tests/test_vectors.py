# SPDX-License-Identifier: MIT OR Apache-2.0
"""The same numbers, secrets and proofs as everybody else who speaks the protocol."""

from __future__ import annotations

import json
import unittest
from pathlib import Path
from typing import Any

from payhal import proofs

_VECTORS = Path(__file__).resolve().parents[2] / "protocol" / "vectors" / "pairing.json"


def _key(side: dict[str, Any]) -> proofs.P256:
    return proofs.P256(int.from_bytes(proofs.unb64(side["private_key"]), "big"))


class Vectors(unittest.TestCase):
    def setUp(self) -> None:
        self.cases: list[dict[str, Any]] = json.loads(_VECTORS.read_text(encoding="utf-8"))["cases"]
        self.assertGreater(len(self.cases), 1)

    def test_number_secret_and_key_id_of_a_pairing(self) -> None:
        for case in self.cases:
            with self.subTest(case["name"]):
                register, host = case["register"], case["host"]
                own = _key(register)
                self.assertEqual(own.public_key, register["public_key"])
                self.assertEqual(proofs.commitment(own.public_key, register["nonce"]), case["commitment"])
                digest = proofs.Transcript(
                    host_id=case["host_id"], pairing_id=case["pairing_id"], register_id=case["register_id"],
                    register_name=case["register_name"], authority=case["authority"], channel=case["channel"],
                    public_key_register=own.public_key, nonce_register=register["nonce"], public_key_host=host["public_key"],
                    nonce_host=host["nonce"], origin=case["origin"] or proofs.NO_ORIGIN,
                ).digest()
                self.assertEqual(proofs.b64(digest), case["transcript_sha256"])
                self.assertEqual(proofs.number_of(digest), case["number"])
                shared = own.shared_with(host["public_key"])
                self.assertEqual(proofs.b64(shared), case["ecdh_x"])
                secret = proofs.derive_secret(shared, digest)
                self.assertEqual((proofs.b64(secret), proofs.key_id_of(secret)), (case["secret"], case["key_id"]))

    def test_proofs_of_a_session(self) -> None:
        for case in self.cases:
            with self.subTest(case["name"]):
                session = case["session"]
                meeting = proofs.Meeting(
                    host_id=case["host_id"], register_id=case["register_id"], key_id=case["key_id"],
                    nonce_register=session["nonce_register"], nonce_host=session["nonce_host"], authority=case["authority"],
                    channel=case["channel"], origin=case["origin"] or proofs.NO_ORIGIN, secret=proofs.unb64(case["secret"]),
                )
                self.assertEqual((meeting.host_proof(), meeting.register_proof()), (session["host_proof"], session["register_proof"]))
                self.assertTrue(meeting.host_proved(session["host_proof"]))
                self.assertFalse(meeting.host_proved(session["register_proof"]))

    def test_a_rotated_secret(self) -> None:
        for case in self.cases:
            with self.subTest(case["name"]):
                rotation = case["rotation"]
                register, host = rotation["register"], rotation["host"]
                shared = _key(register).shared_with(host["public_key"])
                salt = proofs.rotation_salt(
                    proofs.unb64(case["secret"]), host_id=case["host_id"], register_id=case["register_id"], key_id=case["key_id"],
                    public_key_register=register["public_key"], nonce_register=register["nonce"],
                    public_key_host=host["public_key"], nonce_host=host["nonce"],
                )
                secret = proofs.derive_secret(shared, salt)
                self.assertEqual((proofs.b64(secret), proofs.key_id_of(secret)), (rotation["secret"], rotation["key_id"]))

    def test_a_line_break_in_a_field_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            proofs.commitment("a", "b\nc")

    def test_the_authority_is_what_the_host_header_says(self) -> None:
        for url, authority in (
            ("ws://127.0.0.1:7425/v1/ws", "127.0.0.1:7425"), ("ws://LocalHost:80/x", "localhost"), ("wss://localhost:443", "localhost"),
            ("wss://[::1]:7426/v1/ws", "[::1]:7426"), ("wss://till.example:80/", "till.example:80"),
        ):
            self.assertEqual(proofs.authority_of(url), authority)


if __name__ == "__main__":
    unittest.main()
