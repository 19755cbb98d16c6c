# SPDX-License-Identifier: MIT OR Apache-2.0
"""Who is at the other end, and who this register is: TLS, greeting, proofs, pairing, rotation.

It must never prove itself to a host that has not proven itself first.
"""

from __future__ import annotations

import hashlib
import inspect
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from websockets.asyncio.client import ClientConnection, connect as open_websocket

from . import proofs
from .errors import ImpostorHost, NotAllowed, PairingRequired
from .pairing import Pairing, PairingStore

# The host sends at most 256 KiB a frame.
_FRAME_BYTES_MAX = 1 << 20

# What a host that has proven nothing may be asked.
STRANGERS_METHODS = frozenset({
    "session.hello", "session.prove", "session.ping", "rpc.discover", "pairing.begin", "pairing.reveal", "pairing.complete",
})

Ask = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
OnNumber = Callable[[str], object]
Agree = Callable[[], proofs.Agreement]


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """What a greeting came to."""

    host: Mapping[str, Any]
    state: str
    register_id: str | None
    why: str | None
    permissions: tuple[str, ...]
    limits: Mapping[str, Any]
    rotate: bool


class Access:
    """One register's access to one host."""

    def __init__(
        self,
        url: str,
        hello: Mapping[str, Any],
        *,
        store: PairingStore | None,
        fingerprint: str | None,
        tls: ssl.SSLContext | None,
        agree: Agree = proofs.P256,
    ) -> None:
        self.url = url
        self._hello = dict(hello)
        self._store = store
        self._fingerprint = None if fingerprint is None else fingerprint.replace(":", "").lower()
        self._tls = tls
        self._agree = agree
        self._authority = proofs.authority_of(url)
        self._certificate: bytes | None = None

    async def open(self, timeout_s: float) -> ClientConnection:
        """A WebSocket to the host; with a pinned fingerprint, to the one that shows that certificate."""
        # compression=None: frames are small and local; proxy=None: never through one.
        socket = await open_websocket(
            self.url, compression=None, proxy=None, max_size=_FRAME_BYTES_MAX, open_timeout=timeout_s, close_timeout=1,
            **self._tls_options(),
        )
        shown = socket.transport.get_extra_info("ssl_object")
        self._certificate = None if shown is None else shown.getpeercert(binary_form=True)
        if self._fingerprint is not None and self._shown_fingerprint() != self._fingerprint:
            await socket.close()
            raise ImpostorHost(f"The host at {self.url} does not show the certificate that was pinned. Nothing was sent.")
        return socket

    def _tls_options(self) -> dict[str, Any]:
        if not self.url.startswith("wss:"):
            if self._fingerprint is not None:
                raise NotAllowed("A pinned fingerprint needs a wss:// address.")
            return {}
        if self._tls is None and self._fingerprint is not None:
            # The pin is checked instead of a chain, before anything but the upgrade is sent.
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE
        return {} if self._tls is None else {"ssl": self._tls}

    def _shown_fingerprint(self) -> str | None:
        return None if self._certificate is None else hashlib.sha256(self._certificate).hexdigest()

    async def greet(self, ask: Ask) -> Greeting:
        """Says hello; where there is a pairing, the host proves it first and this register second."""
        pairing = None if self._store is None else self._store.load()
        if pairing is None:
            answer = await ask("session.hello", self._hello)
            if answer.get("state") == "paired":
                raise ImpostorHost("The host speaks of a pairing that this register does not have.")
            return _greeting(answer, "never")
        answer = await self._prove(ask, pairing, pairing.secret)
        if answer["state"] == "paired":
            self._settle_rotation(pairing, pairing.secret)
        elif pairing.previous is not None:
            answer = await self._prove(ask, pairing, pairing.previous)
            if answer["state"] == "paired":
                self._settle_rotation(pairing, pairing.previous)
        # A host that says nothing of a pairing's end has forgotten it, or is not that host.
        return _greeting(answer, "forgotten")

    def _settle_rotation(self, pairing: Pairing, secret: bytes) -> None:
        """Proven both ways: the other secret is over."""
        if pairing.previous is not None and self._store is not None:
            self._store.save(replace(pairing, secret=secret, previous=None))

    async def _prove(self, ask: Ask, pairing: Pairing, secret: bytes) -> Mapping[str, Any]:
        nonce, key_id = proofs.new_nonce(), proofs.key_id_of(secret)
        # The register of the pairing, whatever the caller named: proofs are over it.
        hello = {**self._hello, "register_id": pairing.register_id, "key_id": key_id, "nonce": nonce}
        answer: Mapping[str, Any] = await ask("session.hello", hello)
        state = answer.get("state")
        if state == "unpaired":
            return answer
        # Also `open`: whoever forgets to ask for a proof gets no payment of a paired register.
        if state != "paired" or answer.get("host", {}).get("id") != pairing.host_id:
            raise self._impostor(pairing)
        meeting = proofs.Meeting(
            host_id=pairing.host_id, register_id=pairing.register_id, key_id=key_id, nonce_register=nonce,
            nonce_host=str(answer.get("nonce")), authority=self._authority, channel=proofs.channel_of(self._certificate),
            secret=secret,
        )
        if not meeting.host_proved(str(answer.get("proof"))):
            raise self._impostor(pairing)
        proven = await ask("session.prove", {"proof": meeting.register_proof()})
        return {**answer, **proven}

    def _impostor(self, pairing: Pairing) -> ImpostorHost:
        return ImpostorHost(
            f"What answers at {self.url} did not prove to be {pairing.host_name}, the host this register is paired with. Nothing was sent to it."
        )

    async def pair(self, ask: Ask, name: str, on_number: OnNumber) -> Pairing:
        """Pairs: `on_number` shows the six digits that the operator compares and types."""
        register_id = self._hello.get("register_id")
        if self._store is None or register_id is None:
            raise NotAllowed("Pairing needs a register_id and a store for the key: connect(url, register_id=…, store=…).")
        own, nonce = self._agree(), proofs.new_nonce()
        register = {"id": register_id, "name": name}
        begun = await ask("pairing.begin", {"register": register, "commitment": proofs.commitment(own.public_key, nonce)})
        transcript = proofs.Transcript(
            host_id=begun["host"]["id"], pairing_id=begun["pairing_id"], register_id=register_id, register_name=name,
            authority=self._authority, channel=proofs.channel_of(self._certificate), public_key_register=own.public_key,
            nonce_register=nonce, public_key_host=begun["public_key"], nonce_host=begun["nonce"],
        )
        which = {"pairing_id": begun["pairing_id"]}
        revealed = await ask("pairing.reveal", {**which, "public_key": own.public_key, "nonce": nonce})
        certificate = revealed.get("certificate")
        if certificate is not None and certificate != self._shown_fingerprint():
            raise ImpostorHost("Somebody stands between this register and the host: they see different certificates.")
        digest = transcript.digest()
        number = proofs.number_of(digest)
        shown = on_number(f"{number[:3]} {number[3:]}")
        if inspect.isawaitable(shown):
            await shown
        completed = await ask("pairing.complete", which)
        secret = proofs.derive_secret(own.shared_with(begun["public_key"]), digest)
        if completed["key_id"] != proofs.key_id_of(secret):
            raise ImpostorHost("The host did not arrive at the same key. Pair anew.")
        pairing = Pairing(host_id=transcript.host_id, host_name=str(begun["host"]["name"]), register_id=register_id, secret=secret)
        self._store.save(pairing)
        return pairing

    async def rotate(self, ask: Ask) -> None:
        """Agrees on a new secret. The old one is kept until the new one was proven, on the next connection."""
        pairing = None if self._store is None else self._store.load()
        if pairing is None or self._store is None or pairing.previous is not None:
            return
        own, nonce = self._agree(), proofs.new_nonce()
        answer = await ask("pairing.rotate", {"public_key": own.public_key, "nonce": nonce})
        salt = proofs.rotation_salt(
            pairing.secret, host_id=pairing.host_id, register_id=pairing.register_id, key_id=pairing.key_id,
            public_key_register=own.public_key, nonce_register=nonce, public_key_host=answer["public_key"], nonce_host=answer["nonce"],
        )
        secret = proofs.derive_secret(own.shared_with(answer["public_key"]), salt)
        if answer["key_id"] != proofs.key_id_of(secret):
            raise ImpostorHost("The host did not arrive at the same new key. The old one stays in use.")
        self._store.save(replace(pairing, secret=secret, previous=pairing.secret))


_WHY = {
    "never": "This register was never paired with this payment host.",
    "unpaired": "The operator ended this register's pairing.",
    "replaced": "Another register was paired in this one's place.",
    "forgotten": "The payment host does not know this register's pairing.",
}


def pairing_required(why: str | None, message: str | None = None, idempotency_key: str | None = None) -> PairingRequired:
    known = why if why in _WHY else "forgotten"
    key = {} if idempotency_key is None else {"idempotency_key": idempotency_key}
    detail = "call payhal.pair(); the operator compares the number in the console or with `payhal pair`"
    return PairingRequired(message or f"{_WHY[known]} Nothing was sent.", {"why": known, "detail": detail, **key})


def _greeting(answer: Mapping[str, Any], why: str) -> Greeting:
    unpaired = answer["state"] == "unpaired"
    return Greeting(
        host=answer["host"], state=str(answer["state"]), register_id=answer.get("register_id"),
        why=(answer.get("why") or why) if unpaired else None,
        permissions=tuple(answer.get("permissions", ())), limits=answer.get("limits") or {}, rotate=bool(answer.get("rotate")),
    )
