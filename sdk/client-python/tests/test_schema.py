# SPDX-License-Identifier: MIT OR Apache-2.0
"""The module follows the schema of the protocol."""

from __future__ import annotations

import json
import time
import unittest
import uuid
from dataclasses import fields
from pathlib import Path
from typing import Any

import payhal
from payhal import client, errors
from payhal.messages import Approved

_SCHEMAS = Path(__file__).resolve().parents[2] / "protocol" / "schema"
_CALLS = {
    "batch.close": "close_batch",
    "token.register": "register_token",
    "token.update": "update_token",
    "token.delete": "delete_token",
}


def _read(name: str) -> dict[str, Any]:
    return dict(json.loads((_SCHEMAS / name).read_text()))


class Keys(unittest.TestCase):
    def test_a_key_carries_the_time_it_was_made_at(self) -> None:
        before = time.time_ns() // 1_000_000
        keys = {payhal.new_key() for _ in range(100)}
        after = time.time_ns() // 1_000_000
        self.assertEqual(len(keys), 100)
        for key in map(uuid.UUID, keys):
            self.assertEqual((key.version, key.variant), (7, uuid.RFC_4122))
            self.assertTrue(before <= key.int >> 80 <= after)


class FollowsTheSchema(unittest.TestCase):
    def test_every_keyed_method_is_sent_again_and_has_a_call(self) -> None:
        keyed = {row["name"] for row in _read("openrpc.json")["methods"] if row["x-moves-money"]}
        self.assertEqual(keyed, client._KEYED_METHODS)
        for method in keyed:
            name = _CALLS.get(method, method.removeprefix("payment."))
            self.assertTrue(callable(getattr(client.Payhal, name, None)), method)

    def test_every_field_of_an_approval_is_typed(self) -> None:
        known = {field.name for field in fields(Approved)}
        for name in _read("payhal-v1.json")["$defs"]["Approved"]["properties"]:
            self.assertIn(name, known)

    def test_every_error_of_the_table_has_its_class(self) -> None:
        for name, row in _read("openrpc.json")["components"]["errors"].items():
            if row["code"] > 0:
                error = errors.error_from({"code": row["code"], "message": "m", "data": {"name": name}})
                self.assertIsNot(type(error), errors.PayhalError, name)


if __name__ == "__main__":
    unittest.main()
