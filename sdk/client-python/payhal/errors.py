# SPDX-License-Identifier: MIT OR Apache-2.0
"""The errors of the register API as exceptions, each saying whether money moved.

It must never turn an unknown outcome into a failure: whatever the code, that is `OutcomeUnknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Outcome = Literal["declined", "cancelled", "failed", "unknown"]
MoneyMoved = Literal["no", "unknown", "reversing"]
Retry = Literal["same_key", "new_key", "never", "ask_operator"]


class PayhalError(Exception):
    """The base of every error. `outcome`, `money_moved` and `retry` are always set."""

    name = "PAYHAL_ERROR"
    code = 0

    def __init__(self, message: str, fields: Mapping[str, Any] | None = None, *, code: int | None = None) -> None:
        super().__init__(message)
        given = dict(fields or {})
        self.message = message
        self.name = str(given.get("name", self.name))
        self.code = self.code if code is None else code
        self.outcome: Outcome = given.get("outcome", "failed")
        self.money_moved: MoneyMoved = given.get("money_moved", "no")
        self.retry: Retry = given.get("retry", "never")
        self.retry_after_ms: int | None = given.get("retry_after_ms")
        self.transaction_id: str | None = given.get("transaction_id")
        self.idempotency_key: str | None = given.get("idempotency_key")
        self.response_code: str | None = given.get("response_code")
        self.response_text: str | None = given.get("response_text")
        self.resolution: Mapping[str, Any] | None = given.get("resolution")
        self.receipt: Any = given.get("receipt")
        self.detail: str | None = given.get("detail")
        self.field: str | None = given.get("field")
        """The field of the request that is wrong."""
        self.busy: Mapping[str, Any] | None = given.get("busy")
        """Who holds the device, with `DEVICE_BUSY`."""
        self.unresolved: list[str] = list(given.get("unresolved", ()))
        """With `UNRESOLVED_TRANSACTION`: the transactions to look at, and to name in `despite`."""
        self.doc: str | None = given.get("doc")
        self.fields: Mapping[str, Any] = given
        """Everything the host sent with the error, fields this version does not know included."""


class OutcomeUnknown(PayhalError):
    """Nobody knows yet whether money moved. Not a failure: ask again with the same key, never with a new one."""

    name = "OUTCOME_UNKNOWN"
    code = 3004

    def __init__(self, message: str, fields: Mapping[str, Any] | None = None, *, code: int | None = None) -> None:
        forced = {"retry": "same_key", **(fields or {}), "outcome": "unknown", "money_moved": "unknown"}
        super().__init__(message, forced, code=code)


class PairingRequired(PayhalError):
    """This register is not paired with the host, or the operator ended its pairing: `why` says which."""

    name, code = "PAIRING_REQUIRED", 1001

    def __init__(self, message: str, fields: Mapping[str, Any] | None = None, *, code: int | None = None) -> None:
        super().__init__(message, {"retry": "ask_operator", **(fields or {})}, code=code)
        self.why = str(self.fields.get("why", "never"))
        """`never`, `unpaired`, `replaced` or `forgotten`."""


class ProofInvalid(PayhalError):
    name, code = "PROOF_INVALID", 1002


class PermissionDenied(PayhalError):
    name, code = "PERMISSION_DENIED", 1003


class RateLimited(PayhalError):
    name, code = "RATE_LIMITED", 1004


class ProtocolUnsupported(PayhalError):
    name, code = "PROTOCOL_UNSUPPORTED", 1005


class RegisterConflict(PayhalError):
    name, code = "REGISTER_CONFLICT", 1006


class DeviceNotFound(PayhalError):
    name, code = "DEVICE_NOT_FOUND", 2001


class DeviceBusy(PayhalError):
    name, code = "DEVICE_BUSY", 2002


class DeviceUnavailable(PayhalError):
    name, code = "DEVICE_UNAVAILABLE", 2003


class DeviceUnsupported(PayhalError):
    name, code = "DEVICE_UNSUPPORTED", 2004


class Declined(PayhalError):
    name, code = "DECLINED", 3001


class Cancelled(PayhalError):
    name, code = "CANCELLED", 3002


class TimedOut(PayhalError):
    """No card came in time; nothing moved."""

    name, code = "TIMED_OUT", 3003


class KeyReused(PayhalError):
    name, code = "KEY_REUSED", 3005


class TransactionNotFound(PayhalError):
    name, code = "TRANSACTION_NOT_FOUND", 3006


class AmountInvalid(PayhalError):
    name, code = "AMOUNT_INVALID", 3007


class NotAllowed(PayhalError):
    name, code = "NOT_ALLOWED", 3008


class CardError(PayhalError):
    name, code = "CARD_ERROR", 3009


class GatewayUnavailable(PayhalError):
    name, code = "GATEWAY_UNAVAILABLE", 3010


class GatewayRejected(PayhalError):
    name, code = "GATEWAY_REJECTED", 3011


class UnresolvedTransaction(PayhalError):
    """A person has to settle an earlier payment first."""

    name, code = "UNRESOLVED_TRANSACTION", 3012


class CardNumberRefused(PayhalError):
    name, code = "CARD_NUMBER_REFUSED", 3013


class PluginFailed(PayhalError):
    name, code = "PLUGIN_FAILED", 4001


class JournalUnavailable(PayhalError):
    name, code = "JOURNAL_UNAVAILABLE", 5001


class HostStopping(PayhalError):
    name, code = "HOST_STOPPING", 5002


class InvalidRequest(PayhalError):
    """The request itself was wrong (JSON-RPC -326xx): a fault of the register's programmer."""

    name = "INVALID_REQUEST"


class ConnectionLost(PayhalError):
    """The connection went, or never came, for a call that moves no money or was never sent."""

    name = "CONNECTION_LOST"

    def __init__(self, message: str, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, {"retry": "same_key", **(fields or {})})


class NoAnswer(PayhalError):
    """The host did not answer a call that moves no money."""

    name = "NO_ANSWER"

    def __init__(self, message: str, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, {"retry": "same_key", **(fields or {})})


class ImpostorHost(PayhalError):
    """What answers is not the host this register was paired with. Nothing was sent to it."""

    name = "IMPOSTOR_HOST"

    def __init__(self, message: str, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, {"retry": "ask_operator", **(fields or {})})


_BY_CODE: dict[int, type[PayhalError]] = {kind.code: kind for kind in PayhalError.__subclasses__() if kind.code != 0}


def error_from(rpc_error: Mapping[str, Any]) -> PayhalError:
    """Turns a JSON-RPC error object into the matching exception. An unknown outcome wins over the code."""
    code = int(rpc_error.get("code", 0))
    message = str(rpc_error.get("message", "the host refused"))
    fields = rpc_error.get("data")
    if not isinstance(fields, Mapping):
        fields = {}
    if fields.get("outcome") == "unknown" or fields.get("money_moved") == "unknown":
        return OutcomeUnknown(message, fields, code=code)
    kind = _BY_CODE.get(code)
    if kind is None:
        kind = InvalidRequest if -32768 <= code <= -32000 else PayhalError
    return kind(message, fields, code=code)


def no_longer_told(key: str | None, error: PayhalError) -> OutcomeUnknown:
    said = "The payment was sent, but the host no longer says what became of it."
    unknown = OutcomeUnknown(said, {} if key is None else {"idempotency_key": key})
    unknown.__cause__ = error
    return unknown


def unusable(cause: Exception) -> PayhalError:
    error = PayhalError(f"The connection to the payment host cannot be used: {cause}", {"retry": "ask_operator"})
    error.__cause__ = cause
    return error
