# SPDX-License-Identifier: MIT OR Apache-2.0
"""PyPI `websockets` with `jsonrpcclient` pairs, proves itself and sells by plain calls, with `cryptography`."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import secrets
import uuid
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.asyncio.client import connect

from over_websockets import Stock
from scenarios import Refused

TITLE = "pairs, proves itself and sells, with its language's own cryptography"
NAME = "jsonrpcclient"
SOFTWARE = {"client": {"name": NAME, "version": "0"}, "protocol": [1], "register_id": NAME}
AUTHORITY = os.environ["PAYHAL_AUTHORITY"]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def lines(*fields: str) -> bytes:
    return "\n".join(fields).encode()


def sha256(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


def key_id(secret: bytes) -> str:
    return hmac.digest(secret, b"payhal key id v1", "sha256")[:8].hex()


async def pair(client: Stock) -> bytes:
    own = ec.generate_private_key(ec.SECP256R1())
    public_key = b64(own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    nonce = b64(secrets.token_bytes(32))
    commitment = b64(sha256(lines("payhal pairing commitment v1", public_key, nonce)))
    begun = await client.call("pairing.begin", {"register": {"id": NAME, "name": "Stock client"}, "commitment": commitment})
    await client.call("pairing.reveal", {"pairing_id": begun["pairing_id"], "public_key": public_key, "nonce": nonce})
    digest = sha256(lines(
        "payhal pairing v1", begun["host"]["id"], begun["pairing_id"], NAME, "Stock client", "-", AUTHORITY, "ws", public_key, nonce,
        begun["public_key"], begun["nonce"],
    ))
    number = int.from_bytes(sha256(b"payhal pairing number v1\n" + digest)[:8], "big") % 1_000_000
    # Whoever runs this compares it, as an operator would.
    print(f"number {number:06}", flush=True)
    completed = await client.call("pairing.complete", {"pairing_id": begun["pairing_id"]})
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(begun["public_key"]))
    secret = HKDF(SHA256(), 32, salt=digest, info=b"payhal pairing secret v1").derive(own.exchange(ec.ECDH(), theirs))
    assert completed["key_id"] == key_id(secret), completed
    return secret


async def prove(client: Stock, secret: bytes) -> None:
    nonce = b64(secrets.token_bytes(32))
    hello = await client.call("session.hello", {**SOFTWARE, "key_id": key_id(secret), "nonce": nonce})
    assert hello["state"] == "paired", hello

    def proof(label: str) -> str:
        text = lines(label, hello["host"]["id"], NAME, key_id(secret), nonce, hello["nonce"], "-", AUTHORITY, "ws")
        return b64(hmac.digest(secret, text, "sha256"))

    assert hmac.compare_digest(hello["proof"], proof("payhal host proof v1")), "not the host it was paired with"
    await client.call("session.prove", {"proof": proof("payhal register proof v1")})


async def sell(client: Stock) -> None:
    hello: dict[str, Any] = await client.call("session.hello", SOFTWARE)
    assert hello["state"] == "unpaired", hello
    try:
        await client.call("device.list", {})
        raise AssertionError("a stranger was answered")
    except Refused as refused:
        assert refused.fields["name"] == "PAIRING_REQUIRED", refused
    await prove(client, await pair(client))
    sale = await client.call("payment.sale", {"idempotency_key": str(uuid.uuid4()), "amount": {"minor": 1250, "currency": "EUR"}})
    assert sale["outcome"] == "approved", sale


async def main() -> None:
    async with connect(os.environ["PAYHAL_URL"], proxy=None) as socket:
        client = Stock(socket)
        receiving = asyncio.create_task(client.receive())
        await sell(client)
        receiving.cancel()
    print(f"ok {NAME}: {TITLE} = yes", flush=True)


asyncio.run(main())
