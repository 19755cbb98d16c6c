# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the host tells a register, as typed values. Fields of newer hosts are kept in `fields`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields as fields_of
from typing import Any, TypedDict, TypeVar

_T = TypeVar("_T")


class Amount(TypedDict):
    minor: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class Approved:
    """The answer to a payment that was approved. Nothing else is ever returned."""

    transaction_id: str
    outcome: str
    idempotency_key: str = ""
    amounts: Mapping[str, Any] | None = None
    partial: bool = False
    approval_code: str | None = None
    response_code: str | None = None
    rrn: str | None = None
    stan: str | None = None
    card: Mapping[str, Any] | None = None
    cvm: str | None = None
    receipts: Mapping[str, Any] | None = None
    signature_required: bool = False
    gateway: str | None = None
    device: str | None = None
    acceptor: Any = None
    token: str | None = None
    balance: Mapping[str, Any] | None = None
    collection: str | None = None
    forwarding: Mapping[str, Any] | None = None
    kept: Mapping[str, Any] | None = None
    undo: Mapping[str, Any] | None = None
    batch: Mapping[str, Any] | None = None
    at: str | None = None
    replayed: bool = False
    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A step of a running payment; `seq` strictly increases within it."""

    transaction_id: str
    idempotency_key: str
    seq: int
    stage: str
    text: str = ""
    at: str | None = None
    request_id: int | str | None = None
    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A question of the host; without an answer it takes `default` at `expires_at`."""

    prompt_id: str
    kind: str
    transaction_id: str | None = None
    idempotency_key: str | None = None
    expires_at: str | None = None
    default: str | None = None
    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Event:
    method: str
    params: Mapping[str, Any]


def read(kind: type[_T], wire: Mapping[str, Any]) -> _T:
    """Builds `kind` from a wire object, leaving what it does not know in `fields`."""
    known = {field.name for field in fields_of(kind)} - {"fields"}  # type: ignore[arg-type]
    values: dict[str, Any] = {name: value for name, value in wire.items() if name in known}
    return kind(**values, fields=wire)  # type: ignore[call-arg]
