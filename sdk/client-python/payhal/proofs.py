# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a register and its host compute alike: the pairing's number and secret, and the proofs.

P-256 comes from the package `cryptography`, everything else from the standard library. It must
never keep a secret, nor print one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

_HOST_PROOF = "payhal host proof v1"
_REGISTER_PROOF = "payhal register proof v1"
_SECRET = b"payhal pairing secret v1"
# A program sends no Origin.
NO_ORIGIN = "-"


def b64(raw: bytes) -> str:
    """base64url without padding, as everywhere on the wire."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_nonce() -> str:
    return b64(secrets.token_bytes(32))


def authority_of(url: str) -> str:
    """Host and port as the `Host` header has them: lower case, without the scheme's own port."""
    parts = urlsplit(url)
    name = (parts.hostname or "").lower()
    name = f"[{name}]" if ":" in name else name
    own = {"ws": 80, "wss": 443}.get(parts.scheme)
    return name if parts.port in (None, own) else f"{name}:{parts.port}"


def channel_of(certificate: bytes | None) -> str:
    """`ws` without TLS; with it, the SHA-256 of the certificate the server showed."""
    return "ws" if certificate is None else "wss:" + hashlib.sha256(certificate).hexdigest()


class Agreement(Protocol):
    """This side's half of a key agreement."""

    @property
    def public_key(self) -> str: ...

    def shared_with(self, public_key: str) -> bytes: ...


class P256:
    """An ephemeral P-256 key; `private` only for test vectors."""

    def __init__(self, private: int | None = None) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        curve = ec.SECP256R1()
        self._key = ec.generate_private_key(curve) if private is None else ec.derive_private_key(private, curve)
        self.public_key = b64(self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def shared_with(self, public_key: str) -> bytes:
        from cryptography.hazmat.primitives.asymmetric import ec

        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(public_key))
        return self._key.exchange(ec.ECDH(), point)


def commitment(public_key: str, nonce: str) -> str:
    return b64(hashlib.sha256(_text("payhal pairing commitment v1", public_key, nonce)).digest())


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """Everything the two sides of a pairing must have seen alike."""

    host_id: str
    pairing_id: str
    register_id: str
    register_name: str
    authority: str
    channel: str
    public_key_register: str
    nonce_register: str
    public_key_host: str
    nonce_host: str
    origin: str = NO_ORIGIN

    def digest(self) -> bytes:
        return hashlib.sha256(_text(
            "payhal pairing v1", self.host_id, self.pairing_id, self.register_id, self.register_name, self.origin, self.authority,
            self.channel, self.public_key_register, self.nonce_register, self.public_key_host, self.nonce_host,
        )).digest()


def number_of(digest: bytes) -> str:
    """Six digits that a person compares."""
    first = hashlib.sha256(b"payhal pairing number v1\n" + digest).digest()[:8]
    return f"{int.from_bytes(first, 'big') % 1_000_000:06}"


def derive_secret(shared: bytes, salt: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869) to 32 bytes, which is one block of it."""
    extracted = hmac.digest(salt, shared, "sha256")
    return hmac.digest(extracted, _SECRET + b"\x01", "sha256")


def key_id_of(secret: bytes) -> str:
    return hmac.digest(secret, b"payhal key id v1", "sha256")[:8].hex()


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """What both proofs of one connection are over."""

    host_id: str
    register_id: str
    key_id: str
    nonce_register: str
    nonce_host: str
    authority: str
    channel: str
    origin: str = NO_ORIGIN
    secret: bytes = field(repr=False)

    def host_proof(self) -> str:
        return self._proof(_HOST_PROOF)

    def register_proof(self) -> str:
        return self._proof(_REGISTER_PROOF)

    def host_proved(self, proof: str) -> bool:
        return hmac.compare_digest(self.host_proof().encode(), proof.encode())

    def _proof(self, label: str) -> str:
        text = _text(
            label, self.host_id, self.register_id, self.key_id, self.nonce_register, self.nonce_host, self.origin, self.authority,
            self.channel,
        )
        return b64(hmac.digest(self.secret, text, "sha256"))


def rotation_salt(
    secret: bytes, *, host_id: str, register_id: str, key_id: str, public_key_register: str, nonce_register: str,
    public_key_host: str, nonce_host: str,
) -> bytes:
    """Binds a new secret to the old one and to what was said."""
    text = _text(
        "payhal rotation v1", host_id, register_id, key_id, public_key_register, nonce_register, public_key_host, nonce_host,
    )
    return hmac.digest(secret, text, "sha256")


def _text(*fields: str) -> bytes:
    # A line break within a field would let two different texts look alike.
    if any(ord(character) < 0x20 or ord(character) == 0x7F for value in fields for character in value):
        raise ValueError("a field of a proof holds a control character")
    return "\n".join(fields).encode()
