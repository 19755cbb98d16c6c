# SPDX-License-Identifier: MIT OR Apache-2.0
"""A host with one pairing: what it must do for a register, and what an impostor would try."""

from __future__ import annotations

import secrets
import ssl
from typing import Any

from payhal import proofs

from .scripted_host import Request, ScriptedHost

HOST: dict[str, Any] = {"id": "h", "name": "test", "version": "0"}


class PairedHost(ScriptedHost):
    def __init__(self, tls: ssl.SSLContext | None = None, fingerprint: str | None = None) -> None:
        super().__init__(tls)
        self.fingerprint = fingerprint
        self.secrets: dict[str, bytes] = {}
        self.proven: list[str] = []
        self.number = ""
        self.rotate = False
        self.why: str | None = None
        self.lie: dict[str, Any] = {}
        """Fields that an impostor puts into its greeting."""
        self.other_key = False
        self._meeting: proofs.Meeting | None = None
        self._begun: dict[str, Any] = {}
        self._digest = b""
        self._agreement = proofs.P256()

    @property
    def authority(self) -> str:
        return self.url.partition("://")[2].removesuffix("/v1/ws")

    @property
    def channel(self) -> str:
        return "ws" if self.fingerprint is None else f"wss:{self.fingerprint}"

    async def take(self, request: Request) -> bool:
        """Answers what belongs to access; everything else is the test's."""
        steps = {
            "session.hello": self._hello, "session.prove": self._prove, "pairing.begin": self._begin, "pairing.reveal": self._reveal,
            "pairing.complete": self._complete, "pairing.rotate": self._rotate,
        }
        step = steps.get(request.method)
        if step is not None:
            await step(request)
        return step is not None

    async def _hello(self, request: Request) -> None:
        params = request.params
        self.greetings.append(params)
        secret = self.secrets.get(params.get("key_id", ""))
        answer: dict[str, Any] = {"host": HOST, "protocol": 1, "register_id": params.get("register_id", "?"), "state": "unpaired"}
        if secret is not None:
            self._meeting = proofs.Meeting(
                host_id="h", register_id=params["register_id"], key_id=params["key_id"], nonce_register=params["nonce"],
                nonce_host=proofs.new_nonce(), authority=self.authority, channel=self.channel, secret=secret,
            )
            answer |= {"state": "paired", "nonce": self._meeting.nonce_host, "proof": self._meeting.host_proof(), "rotate": self.rotate}
        elif self.why is not None:
            answer["why"] = self.why
        await request.result({**answer, **self.lie})

    async def _prove(self, request: Request) -> None:
        meeting = self._meeting
        if meeting is None or request.params["proof"] != meeting.register_proof():
            await request.error(1002, "wrong", name="PROOF_INVALID", outcome="failed", money_moved="no", retry="never")
            return
        self.proven.append(meeting.key_id)
        limits = {"sale_max": [{"minor": 50000, "currency": "EUR"}]}
        await request.result({"register_id": meeting.register_id, "permissions": ["batch_close"], "limits": limits})

    async def _begin(self, request: Request) -> None:
        self._begun = {**request.params, "nonce": proofs.new_nonce()}
        await request.result({
            "pairing_id": "p1", "public_key": self._agreement.public_key, "nonce": self._begun["nonce"],
            "expires_at": "2026-01-01T00:00:00Z", "host": HOST,
        })

    async def _reveal(self, request: Request) -> None:
        register, key, nonce = self._begun["register"], request.params["public_key"], request.params["nonce"]
        assert proofs.commitment(key, nonce) == self._begun["commitment"]
        self._digest = proofs.Transcript(
            host_id="h", pairing_id="p1", register_id=register["id"], register_name=register["name"], authority=self.authority,
            channel=self.channel, public_key_register=key, nonce_register=nonce, public_key_host=self._agreement.public_key,
            nonce_host=self._begun["nonce"],
        ).digest()
        self._begun["public_key"] = key
        self.number = proofs.number_of(self._digest)
        await request.result({} if self.fingerprint is None else {"certificate": self.fingerprint})

    async def _complete(self, request: Request) -> None:
        shared = secrets.token_bytes(32) if self.other_key else self._agreement.shared_with(self._begun["public_key"])
        secret = proofs.derive_secret(shared, self._digest)
        key_id = proofs.key_id_of(secret)
        self.secrets[key_id] = secret
        await request.result({"register_id": self._begun["register"]["id"], "key_id": key_id, "generation": 1, "permissions": []})

    async def _rotate(self, request: Request) -> None:
        assert self._meeting is not None
        own, nonce = proofs.P256(), proofs.new_nonce()
        salt = proofs.rotation_salt(
            self._meeting.secret, host_id="h", register_id=self._meeting.register_id, key_id=self._meeting.key_id,
            public_key_register=request.params["public_key"], nonce_register=request.params["nonce"],
            public_key_host=own.public_key, nonce_host=nonce,
        )
        secret = proofs.derive_secret(own.shared_with(request.params["public_key"]), salt)
        self.secrets[proofs.key_id_of(secret)] = secret
        self.rotate = False
        await request.result({"public_key": own.public_key, "nonce": nonce, "key_id": proofs.key_id_of(secret)})
        self.requests.put_nowait(request)
