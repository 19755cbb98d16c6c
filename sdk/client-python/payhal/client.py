# SPDX-License-Identifier: MIT OR Apache-2.0
"""One connection to the payment host, and calls that end in exactly one answer.

It must never report an unknown outcome as a failure, and never send a keyed call again with another
key or another body.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import random
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from websockets.asyncio.client import ClientConnection, connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from . import errors
from .errors import AmountInvalid, Cancelled, ConnectionLost, NoAnswer, OutcomeUnknown, PayhalError, error_from
from .keys import new_key
from .messages import Amount, Approved, Event, Progress, Prompt, read

DEFAULT_URL = "ws://127.0.0.1:7425/v1/ws"
PROTOCOL = 1
# The host sends at most 256 KiB a frame.
_FRAME_BYTES_MAX = 1 << 20
_BACKOFF_FIRST_S = 0.2
_BACKOFF_MAX_S = 10.0
_EVENTS_MISSED = "events.missed"
_DOOR_RETRIES_MAX = 20
_DOOR_RETRY_S = 1.0

# Calls that name an idempotency key: they outlive the connection and are sent again unchanged.
_KEYED_METHODS = frozenset(
    f"payment.{name}"
    for name in (
        "sale", "authorize", "capture", "adjust", "refund", "void", "undo", "verify", "balance", "cash_advance",
    )
) | {"batch.close"}

# Refusals that are given before the host looks at the key. As the answer to a call that was sent
# *again* they say nothing about the first sending, so they are waited out, not reported.
_REFUSED_AT_THE_DOOR = (errors.RateLimited, errors.JournalUnavailable, errors.HostStopping)
_REFUSED_ACCESS = (
    errors.PairingRequired, errors.ProofInvalid, errors.PermissionDenied, errors.ProtocolUnsupported,
    errors.RegisterConflict,
)

ConnectionState = Literal["connecting", "open", "reconnecting", "closed"]
OnProgress = Callable[[Progress], object]
OnPrompt = Callable[[Prompt], Mapping[str, Any] | None | Awaitable[Mapping[str, Any] | None]]
OnKey = Callable[[str], object]
OnEvent = Callable[[Event], object]
OnStateChange = Callable[[ConnectionState, Mapping[str, Any]], object]
Sleep = Callable[[float], Awaitable[None]]
_T = TypeVar("_T")
_log = logging.getLogger("payhal")


@dataclass(eq=False)
class _Call:
    method: str
    params: dict[str, Any]
    key: str | None
    answer: asyncio.Future[Any]
    on_progress: OnProgress | None = None
    on_prompt: OnPrompt | None = None
    timeout_s: float | None = None
    id: int | None = None
    sends: int = 0
    last_seq: int = -1
    door_retries: int = 0
    cancelled: bool = False
    timer: asyncio.Task[None] | None = field(default=None, repr=False)


class MoneyCall(Generic[_T]):
    """A payment under way: await it for its one answer. `key` is known before anything is sent.

    Cancelling the asyncio task that awaits it only stops the waiting; `cancel()` asks the host to stop.
    """

    def __init__(self, key: str, answer: asyncio.Task[_T], cancel: Callable[[], Awaitable[str]]) -> None:
        self.key = key
        self._answer = answer
        self._cancel = cancel

    def __await__(self) -> Generator[Any, None, _T]:
        return asyncio.shield(self._answer).__await__()

    async def cancel(self) -> str:
        """Asks the host to stop. Answers `cancelling`, `cancelled`, `too_late`, `finished` or `not_found`."""
        return await self._cancel()


class Payhal:
    """Use `connect()` to make one."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        client_name: str = "payhal-python",
        client_version: str = "0.1.0",
        register_id: str | None = None,
        prompts: Iterable[str] = (),
        on_prompt: OnPrompt | None = None,
        on_state_change: OnStateChange | None = None,
        patient: bool = False,
        hello_timeout_s: float = 10.0,
        answer_timeout_s: float = 30.0,
        unsent_timeout_s: float = 15.0,
        sleep: Sleep = asyncio.sleep,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self.url = url
        self.state: ConnectionState = "connecting"
        self.host: Mapping[str, Any] | None = None
        """What the host said of itself."""
        self.access: str | None = None
        """`open`, `paired` or `unpaired`."""
        self._hello = {
            "client": {"name": client_name, "version": client_version},
            "protocol": [PROTOCOL],
            "prompts": list(prompts),
            **({} if register_id is None else {"register_id": register_id}),
        }
        self._on_prompt = on_prompt
        self._on_state_change = on_state_change
        self._patient = patient
        self._hello_timeout_s = hello_timeout_s
        self._answer_timeout_s = answer_timeout_s
        self._unsent_timeout_s = unsent_timeout_s
        self._sleep = sleep
        self._rand = rand
        self._socket: ClientConnection | None = None
        self._calls: dict[_Call, None] = {}
        self._by_id: dict[int, _Call] = {}
        self._next_id = 1
        self._attempt = 0
        self._was_open = False
        self._listeners: list[tuple[frozenset[str] | None, OnEvent]] = []
        self._subscribed: frozenset[str] | Literal["all"] | None = None
        self._event_seq: int | None = None
        self._prompts_seen: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._money: set[asyncio.Task[Any]] = set()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._runner = asyncio.create_task(self._run(), name="payhal connection")

    # Lifetime.

    async def __aenter__(self) -> Payhal:
        await self.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def ready(self) -> None:
        """Returns when the host has answered the first greeting."""
        await asyncio.shield(self._ready)

    async def close(self) -> None:
        """Ends the connection for good. Payments that were sent end as `OutcomeUnknown`: the host goes on with them."""
        if self.state != "closed":
            self._end(ConnectionLost("The connection to the payment host was closed."))
        self._runner.cancel()
        await asyncio.gather(self._runner, return_exceptions=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Money.

    def sale(
        self,
        *,
        amount_minor: int,
        currency: str,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Takes a payment. Further fields of `payment.sale` are passed by their wire names."""
        params["amount"] = _amount(amount_minor, currency)
        return self.money("payment.sale", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def refund(
        self,
        *,
        amount_minor: int | None = None,
        currency: str | None = None,
        transaction_id: str | None = None,
        original: Mapping[str, Any] | None = None,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Gives money back for `transaction_id`, or for `original` of another system."""
        if amount_minor is not None:
            params["amount"] = _amount(amount_minor, currency)
        params.update(_given(transaction_id=transaction_id, original=original))
        return self.money("payment.refund", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def void(
        self,
        transaction_id: str,
        *,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Takes a payment back before reconciliation."""
        return self.money("payment.void", key=key, on_progress=on_progress, on_key=on_key, transaction_id=transaction_id, **params)

    def authorize(
        self,
        *,
        amount_minor: int,
        currency: str,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Holds an amount on a card."""
        params["amount"] = _amount(amount_minor, currency)
        return self.money("payment.authorize", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def adjust(
        self,
        *,
        transaction_id: str,
        amount_minor: int,
        currency: str,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Changes what is held to a new total."""
        params["transaction_id"] = transaction_id
        params["amount"] = _amount(amount_minor, currency)
        return self.money("payment.adjust", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def capture(
        self,
        *,
        transaction_id: str,
        amount_minor: int,
        currency: str,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Takes what is held, all of it or a part."""
        params["transaction_id"] = transaction_id
        params["amount"] = _amount(amount_minor, currency)
        return self.money("payment.capture", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def undo(
        self,
        *,
        transaction_id: str,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Voids or refunds, whichever the rules allow; `fields["undo"]` says which."""
        params["transaction_id"] = transaction_id
        return self.money("payment.undo", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def verify(
        self,
        *,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Checks a card, and keeps it as a payment token where that is possible."""
        return self.money("payment.verify", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def balance(
        self,
        *,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Asks what is left on a card."""
        return self.money("payment.balance", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def cash_advance(
        self,
        *,
        amount_minor: int,
        currency: str,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Pays out cash."""
        params["amount"] = _amount(amount_minor, currency)
        return self.money("payment.cash_advance", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def close_batch(
        self,
        *,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Compares totals and closes the batch."""
        return self.money("batch.close", key=key, on_progress=on_progress, on_prompt=on_prompt, on_key=on_key, **params)

    def money(
        self,
        method: str,
        *,
        key: str | None = None,
        on_progress: OnProgress | None = None,
        on_prompt: OnPrompt | None = None,
        on_key: OnKey | None = None,
        **params: Any,
    ) -> MoneyCall[Approved]:
        """Any keyed method. The key is made here unless given, and `on_key` runs before anything is sent."""
        chosen = key or new_key()
        call = self._new_call(method, {"idempotency_key": chosen, **params}, chosen)
        call.on_progress, call.on_prompt = on_progress, on_prompt

        async def run() -> Approved:
            if on_key is not None:
                await _maybe_await(on_key(chosen))
            self._start(call)
            return read(Approved, await call.answer)

        # Apart from the other tasks: closing must not cancel it, it ends by its own answer.
        task = asyncio.create_task(run(), name=f"{method} {chosen}")
        self._money.add(task)
        task.add_done_callback(self._money.discard)
        return MoneyCall(chosen, task, lambda: self._cancel(call))

    async def cancel(self, *, key: str | None = None, transaction_id: str | None = None) -> str:
        """Asks the host to stop a running call, which still gets its own one answer."""
        answer = await self.call("payment.cancel", **_given(idempotency_key=key, transaction_id=transaction_id))
        return str(answer["state"])

    # Questions: no money moves.

    async def get(self, *, key: str | None = None, transaction_id: str | None = None) -> dict[str, Any]:
        return _object(await self.call("payment.get", **_given(idempotency_key=key, transaction_id=transaction_id)))

    async def list(self, **filters: Any) -> dict[str, Any]:
        return _object(await self.call("payment.list", **filters))

    async def receipt(
        self, transaction_id: str, *, copy: str = "customer", format: str = "text",
        columns: int | None = None, reprint: bool | None = None,
    ) -> Any:
        form = {"copy": copy, "format": format, **_given(columns=columns, reprint=reprint)}
        return await self.call("payment.receipt", transaction_id=transaction_id, **form)

    async def batch_totals(self, *, device: str | None = None, gateway: str | None = None) -> dict[str, Any]:
        return _object(await self.call("batch.totals", **_given(device=device, gateway=gateway)))

    async def resolve(self, transaction_id: str, *, outcome: str, evidence: str, operator: str) -> dict[str, Any]:
        word = {"outcome": outcome, "evidence": evidence, "operator": operator}
        return _object(await self.call("payment.resolve", transaction_id=transaction_id, **word))

    async def devices(self) -> Any:
        return (await self.call("device.list"))["devices"]

    async def gateways(self) -> Any:
        return (await self.call("gateway.list"))["gateways"]

    async def identify(self, device: str) -> Any:
        return await self.call("device.identify", device=device)

    async def simulate(self, device: str, action: str, **params: Any) -> Any:
        """Drives a simulated device or gateway: `simulate("reader", "tap", card="visa-approve")`."""
        return await self.call("device.simulate", device=device, action=action, **params)

    async def respond(self, prompt_id: str, **answer: Any) -> Any:
        return await self.call("payment.respond", prompt_id=prompt_id, **answer)

    async def call(self, method: str, **params: Any) -> Any:
        """The wire as it is. A keyed method is sent again after a lost connection."""
        key = params.get("idempotency_key") if method in _KEYED_METHODS else None
        call = self._new_call(method, params, key)
        self._start(call)
        return await call.answer

    # Events.

    def on(self, topics: Iterable[str] | None, listener: OnEvent) -> Callable[[], None]:
        """Hears notifications whose method is one of `topics`; `None`: all. Asks the host for nothing."""
        entry = (None if topics is None else frozenset(topics), listener)
        self._listeners.append(entry)
        return lambda: self._listeners.remove(entry) if entry in self._listeners else None

    async def subscribe(self, topics: Iterable[str] | None, listener: OnEvent) -> Callable[[], None]:
        """Asks the host for events, replayed over reconnects, and returns a function that ends the hearing.

        Where the host no longer has what was missed, the listener hears `events.missed`: read the lists anew.
        """
        wanted = None if topics is None else frozenset(topics)
        stop, before = self.on(wanted, listener), self._subscribed
        if wanted is None or before == "all":
            self._subscribed = "all"
        else:
            self._subscribed = wanted | (before or frozenset())
        try:
            await self._subscribe_now()
        except PayhalError:
            stop()
            self._subscribed = before
            raise
        return stop

    async def _subscribe_now(self) -> None:
        # A second subscription replaces the first, so each names all that is wanted.
        topics = None if self._subscribed in (None, "all") else sorted(self._subscribed or ())
        since = self._event_seq
        answer = await self.call("events.subscribe", **_given(topics=topics, since_seq=since))
        if since is None and self._event_seq is None:
            self._event_seq = answer.get("seq")
        elif since is not None and answer.get("missed"):
            self._event_seq = answer.get("seq")
            self._hear(_EVENTS_MISSED, {})

    # Calls.

    def _new_call(self, method: str, params: dict[str, Any], key: str | None) -> _Call:
        return _Call(method, params, key, asyncio.get_running_loop().create_future())

    def _start(self, call: _Call) -> None:
        if call.cancelled:
            call.answer.set_exception(_never_sent(call))
        elif self.state == "closed":
            call.answer.set_exception(ConnectionLost("The connection to the payment host is closed. Nothing was sent."))
        else:
            self._calls[call] = None
            if self.state == "open":
                self._send(call)
            else:
                self._arm(call, self._unsent_timeout_s, lambda: self._give_up_unsent(call))

    def _give_up_unsent(self, call: _Call) -> None:
        fields = _given(idempotency_key=call.key)
        self._settle(call, ConnectionLost("The payment host cannot be reached. Nothing was sent.", fields))

    def _send(self, call: _Call) -> None:
        self._disarm(call)
        call.id, self._next_id = self._next_id, self._next_id + 1
        call.sends += 1
        self._by_id[call.id] = call
        if call.key is None:
            late = NoAnswer("The payment host did not answer.")
            self._arm(call, self._answer_timeout_s, lambda: self._settle(call, late))
        self._write({"jsonrpc": "2.0", "id": call.id, "method": call.method, "params": call.params})
        if call.cancelled:
            self._spawn(self._quiet(self.cancel(key=call.key)))

    def _write(self, message: Mapping[str, Any]) -> None:
        socket = self._socket
        if socket is not None:
            # One task a frame; asyncio runs them in the order they were made.
            self._spawn(_send_quietly(socket, json.dumps(message)))

    async def _cancel(self, call: _Call) -> str:
        if call.answer.done():
            return "finished"
        call.cancelled = True
        if call.sends == 0:
            if call in self._calls:
                self._settle(call, _never_sent(call))
            return "cancelled"
        # Without a connection the wish is kept and sent right behind the call.
        return await self.cancel(key=call.key) if self.state == "open" else "cancelling"

    def _settle(self, call: _Call, error: PayhalError | None, result: Any = None) -> None:
        self._disarm(call)
        self._calls.pop(call, None)
        if call.id is not None:
            self._by_id.pop(call.id, None)
        if call.answer.done():
            return
        if error is None:
            call.answer.set_result(result)
        else:
            call.answer.set_exception(error)

    def _arm(self, call: _Call, seconds: float, run: Callable[[], None]) -> None:
        async def later() -> None:
            await self._sleep(seconds)
            call.timer = None
            run()

        call.timer = self._spawn(later())

    def _disarm(self, call: _Call) -> None:
        if call.timer is not None:
            call.timer.cancel()
        call.timer = None

    # Messages.

    def _received(self, text: str | bytes) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            return
        if not isinstance(message, dict):
            return
        if "method" in message:
            self._notified(str(message["method"]), message.get("params") or {})
            return
        call = self._by_id.pop(message.get("id", 0), None)
        if call is None:
            return
        call.id = None
        if "error" in message:
            self._refused(call, error_from(message["error"]))
        else:
            self._settle(call, None, message.get("result"))

    def _refused(self, call: _Call, error: PayhalError) -> None:
        again = call.key is not None and call.sends > 1
        if again and isinstance(error, _REFUSED_AT_THE_DOOR) and call.door_retries < _DOOR_RETRIES_MAX:
            call.door_retries += 1
            wait_s = _DOOR_RETRY_S if error.retry_after_ms is None else error.retry_after_ms / 1000
            self._arm(call, wait_s, lambda: self._send(call) if self.state == "open" else None)
            return
        if again and isinstance(error, _REFUSED_AT_THE_DOOR + _REFUSED_ACCESS):
            unknown = OutcomeUnknown(
                "The payment was sent, but the host no longer says what became of it.", _given(idempotency_key=call.key)
            )
            unknown.__cause__ = error
            error = unknown
        self._settle(call, error)

    def _notified(self, method: str, params: Mapping[str, Any]) -> None:
        if method == "payment.progress":
            self._progressed(params)
        elif method == "payment.prompt":
            self._prompted(params)
        elif isinstance(params.get("seq"), int):
            # `seq` of progress counts within its transaction; of every other notification, within the host.
            self._event_seq = params["seq"]
        self._hear(method, params)

    def _hear(self, method: str, params: Mapping[str, Any]) -> None:
        for topics, listener in list(self._listeners):
            if topics is None or method == _EVENTS_MISSED or method in topics:
                self._shield(listener, Event(method=method, params=params))

    def _progressed(self, params: Mapping[str, Any]) -> None:
        # A re-sent call gets its progress replayed: `seq` tells what the register has seen already.
        for call in list(self._calls):
            if call.key is None or call.key != params.get("idempotency_key") or params["seq"] <= call.last_seq:
                continue
            call.last_seq = params["seq"]
            if call.on_progress is not None:
                self._shield(call.on_progress, read(Progress, params))

    def _prompted(self, params: Mapping[str, Any]) -> None:
        prompt = read(Prompt, params)
        if prompt.prompt_id in self._prompts_seen:
            return
        ask = self._on_prompt
        for call in self._calls:
            if call.key is not None and call.key == prompt.idempotency_key and call.on_prompt is not None:
                ask = call.on_prompt
        if ask is None:
            return
        self._prompts_seen.add(prompt.prompt_id)
        self._spawn(self._quiet(self._answer_prompt(ask, prompt)))

    async def _answer_prompt(self, ask: OnPrompt, prompt: Prompt) -> None:
        # No answer, or a failing one: the host takes the prompt's default when its time is over.
        answer = await _maybe_await(ask(prompt))
        if answer is not None:
            await self.respond(prompt.prompt_id, **answer)

    # Connection.

    async def _run(self) -> None:
        while True:
            reason = await self._connect_once()
            if self.state == "closed":
                return
            if not self._was_open and not self._patient:
                why = f": {reason}" if reason else ""
                self._end(ConnectionLost(f"The payment host cannot be reached at {self.url}{why}. Nothing was sent."))
                return
            wait_s = self._backoff()
            self._attempt += 1
            self._change("reconnecting", {"attempt": self._attempt, "retry_in_s": wait_s, "reason": reason})
            await self._sleep(wait_s)

    async def _connect_once(self) -> str:
        """Serves one connection to its end and says why it ended."""
        try:
            # compression=None: frames are small and local; proxy=None: never through one.
            socket = await open_websocket(
                self.url, compression=None, proxy=None, max_size=_FRAME_BYTES_MAX,
                open_timeout=self._hello_timeout_s, close_timeout=1,
            )
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
            return str(error) or type(error).__name__
        try:
            self._socket = socket
            async with asyncio.timeout(self._hello_timeout_s):
                await self._greet(socket)
            while True:
                self._received(await socket.recv())
        except (ConnectionClosed, TimeoutError) as error:
            return str(error) or type(error).__name__
        except PayhalError as error:
            # A host that refuses the greeting will refuse it again.
            self._end(error)
            return str(error)
        finally:
            self._socket = None
            self._lost()
            await socket.close()

    async def _greet(self, socket: ClientConnection) -> None:
        hello_id, self._next_id = self._next_id, self._next_id + 1
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": hello_id, "method": "session.hello", "params": self._hello}))
        while True:
            message = json.loads(await socket.recv())
            if message.get("id") == hello_id and "method" not in message:
                break
        if "error" in message:
            raise error_from(message["error"])
        self._opened(message["result"])

    def _opened(self, answer: Mapping[str, Any]) -> None:
        self.host, self.access = answer.get("host"), answer.get("state")
        self._attempt = 0
        reconnected, self._was_open = self._was_open, True
        self._change("open", {"host": self.host, "access": self.access, "reconnected": reconnected})
        if not self._ready.done():
            self._ready.set_result(None)
        if self._subscribed is not None:
            self._spawn(self._quiet(self._subscribe_now()))
        for call in list(self._calls):
            if call.id is None and (call.timer is None or call.sends == 0):
                self._send(call)

    def _lost(self) -> None:
        self._by_id.clear()
        for call in list(self._calls):
            if call.sends == 0:
                continue
            call.id = None
            if call.key is not None:
                self._disarm(call)
            else:
                self._settle(call, ConnectionLost(
                    "The connection to the payment host was lost before it answered. No money moves by this call."
                ))

    def _backoff(self) -> float:
        # Half fixed, half random: a shop's registers must not all return in the same instant.
        full: float = min(_BACKOFF_MAX_S, _BACKOFF_FIRST_S * 2 ** min(self._attempt, 16))
        return full / 2 + self._rand() * full / 2

    def _end(self, error: PayhalError) -> None:
        self._change("closed", {"error": error})
        if not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()
        for call in list(self._calls):
            if call.key is not None and call.sends > 0:
                unknown = OutcomeUnknown(
                    "The payment was sent and the host goes on with it, but this connection is closed. Ask again with the same key.",
                    _given(idempotency_key=call.key),
                )
                unknown.__cause__ = error
                self._settle(call, unknown)
            else:
                self._settle(call, error)

    def _change(self, state: ConnectionState, detail: Mapping[str, Any]) -> None:
        self.state = state
        if self._on_state_change is not None:
            self._shield(self._on_state_change, state, detail)

    # Tasks.

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _quiet(self, work: Awaitable[object]) -> None:
        try:
            await work
        except ConnectionLost:
            pass
        except Exception:
            _log.exception("a background step failed")

    def _shield(self, listener: Callable[..., object], *arguments: object) -> None:
        # A register's callback that raises must not lose the answer to a payment.
        try:
            outcome = listener(*arguments)
        except Exception:
            _log.exception("a callback of the register failed")
            return
        if inspect.isawaitable(outcome):
            self._spawn(self._quiet(outcome))


class connect:  # noqa: N801 - used like a function: `async with connect() as p` or `p = await connect()`
    """Connects, greets the host and returns when calls can be made. Takes the arguments of `Payhal`."""

    def __init__(self, url: str = DEFAULT_URL, **options: Any) -> None:
        self._url = url
        self._options = options
        self._payhal: Payhal | None = None

    async def _open(self) -> Payhal:
        payhal = Payhal(self._url, **self._options)
        try:
            await payhal.ready()
        except BaseException:
            await payhal.close()
            raise
        return payhal

    def __await__(self) -> Generator[Any, None, Payhal]:
        return self._open().__await__()

    async def __aenter__(self) -> Payhal:
        self._payhal = await self._open()
        return self._payhal

    async def __aexit__(self, *_: object) -> None:
        if self._payhal is not None:
            await self._payhal.close()


async def _send_quietly(socket: ClientConnection, text: str) -> None:
    try:
        await socket.send(text)
    except ConnectionClosed:
        pass  # The reading side sees it too and decides what becomes of the call.


async def _maybe_await(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _never_sent(call: _Call) -> Cancelled:
    fields = {"outcome": "cancelled", "retry": "new_key", **_given(idempotency_key=call.key)}
    return Cancelled("Cancelled before anything was sent.", fields)


def _amount(minor: int, currency: str | None) -> Amount:
    # Money never has a decimal point; bool is an int in Python and no amount.
    if not isinstance(minor, int) or isinstance(minor, bool) or not isinstance(currency, str):
        raise AmountInvalid("amount_minor must be a whole number of the currency's smallest unit, currency a code such as EUR.")
    return {"minor": minor, "currency": currency}


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _object(answer: Any) -> dict[str, Any]:
    return dict(answer)
