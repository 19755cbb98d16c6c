# SPDX-License-Identifier: MIT OR Apache-2.0
"""One connection to the payment host, and calls that end in exactly one answer.

It must never report an unknown outcome as a failure, never send a keyed call again with another key
or another body, and never send one to a host that has not proven the pairing.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from . import errors
from .access import STRANGERS_METHODS, Access, Greeting, OnNumber, pairing_required
from .errors import Cancelled, ConnectionLost, ImpostorHost, NoAnswer, OutcomeUnknown, PairingRequired, PayhalError, error_from, no_longer_told, unusable
from .journal import Journal, Recovered, recovered
from .keys import new_key
from .leases import LEASE_ENDED, Leases
from .messages import Approved, Event, Progress, Prompt, read
from .money import MoneyCall, MoneyCalls, OnKey, OnProgress, OnPrompt, given
from .pairing import Pairing, PairingStore
from .questions import Questions

DEFAULT_URL = "ws://127.0.0.1:7425/v1/ws"
PROTOCOL = 1
_BACKOFF_FIRST_S = 0.2
_BACKOFF_MAX_S = 10.0
_EVENTS_MISSED = "events.missed"
_DOOR_RETRIES_MAX = 20
_DOOR_RETRY_S = 1.0
# The operator has two minutes to compare the number.
_PAIRING_S = 150.0
# How often `recover` looks again at what still runs.
_RECOVER_EVERY_S = 0.5

# Calls that name an idempotency key: they outlive the connection and are sent again unchanged.
_KEYED_METHODS = frozenset(
    f"payment.{name}"
    for name in (
        "sale", "authorize", "capture", "adjust", "refund", "void", "undo", "verify", "balance", "cash_advance",
    )
) | {"batch.close", "token.register", "token.update", "token.delete"}

# Refusals that are given before the host looks at the key. As the answer to a call that was sent
# *again* they say nothing about the first sending, so they are waited out, not reported.
_REFUSED_AT_THE_DOOR = (errors.RateLimited, errors.JournalUnavailable, errors.HostStopping)
_REFUSED_ACCESS = (
    errors.PairingRequired, errors.ProofInvalid, errors.PermissionDenied, errors.ProtocolUnsupported,
    errors.RegisterConflict, ImpostorHost,
)
# Refusals of a greeting that are over after a while.
_REFUSED_FOR_NOW = (errors.RateLimited, errors.HostStopping)

ConnectionState = Literal["connecting", "open", "reconnecting", "closed"]
OnEvent = Callable[[Event], object]
OnStateChange = Callable[[ConnectionState, Mapping[str, Any]], object]
Sleep = Callable[[float], Awaitable[None]]
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


class Payhal(MoneyCalls, Questions):
    """Use `connect()` to make one."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        client_name: str = "payhal-python",
        client_version: str = "0.1.0",
        register_id: str | None = None,
        store: PairingStore | None = None,
        journal: Journal | None = None,
        fingerprint: str | None = None,
        tls: ssl.SSLContext | None = None,
        to_pair: bool = False,
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
        self.unpaired_why: str | None = None
        """Why there is no pairing: `never`, `unpaired`, `replaced` or `forgotten`."""
        self.permissions: tuple[str, ...] = ()
        """What this register may do beyond plain payments."""
        self.limits: Mapping[str, Any] = {}
        """The amounts this register may not exceed."""
        hello = {
            "client": {"name": client_name, "version": client_version},
            "protocol": [PROTOCOL],
            "prompts": list(prompts),
            **given(register_id=register_id),
        }
        self._access = Access(url, hello, store=store, fingerprint=fingerprint, tls=tls)
        self._journal = journal
        self._to_pair = to_pair
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
        self._leases = Leases(self.on, lambda method, params: self.call(method, **params))
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

    # Money: the named calls are in `money.py`, those that move none in `questions.py`.

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
            if self._journal is None:
                self._start(call)
                return read(Approved, await call.answer)
            self._journal.remember(chosen, method)
            self._start(call)
            try:
                approved = read(Approved, await call.answer)
            except OutcomeUnknown:
                raise
            except PayhalError:
                self._ended(chosen)
                raise
            self._ended(chosen)
            return approved

        # Apart from the other tasks: closing must not cancel it, it ends by its own answer.
        task = asyncio.create_task(run(), name=f"{method} {chosen}")
        self._money.add(task)
        task.add_done_callback(self._money.discard)
        return MoneyCall(chosen, task, lambda: self._cancel(call))

    async def cancel(self, *, key: str | None = None, transaction_id: str | None = None) -> str:
        """Asks the host to stop a running call, which still gets its own one answer."""
        answer = await self.call("payment.cancel", **given(idempotency_key=key, transaction_id=transaction_id))
        return str(answer["state"])

    async def recover(self, keys: Iterable[str] | None = None, *, wait_s: float = 0.0) -> dict[str, Recovered]:
        """What became of attempts, as after a restart: by key, those of `journal` unless given.

        Asks only, sends no payment. What still runs, or is unknown, is looked at again for `wait_s`.
        """
        wanted = list((self._journal.pending() if self._journal is not None else ()) if keys is None else keys)
        found: dict[str, Recovered] = {}
        left_s = wait_s
        while True:
            for key in wanted:
                if key not in found or not found[key].settled:
                    found[key] = await self._look(key)
            if left_s <= 0 or all(one.settled for one in found.values()):
                return found
            await self._sleep(_RECOVER_EVERY_S)
            left_s -= _RECOVER_EVERY_S

    async def _look(self, key: str) -> Recovered:
        try:
            view = await self.get(key=key)
        except errors.TransactionNotFound:
            found = Recovered(key=key, outcome="failed", money_moved="no", never_sent=True)
        except OutcomeUnknown:
            found = Recovered(key=key, outcome="unknown", money_moved="unknown")
        else:
            found = recovered(key, view)
        if found.settled:
            self._ended(key)
        return found

    def _ended(self, key: str) -> None:
        # A store that fails here must not hide the answer; the key is merely asked about once more.
        if self._journal is not None:
            self._shield(self._journal.forget, key)

    # Pairing.

    async def pair(self, name: str, on_number: OnNumber) -> Pairing:
        """What `payhal.pair` does, on a connection made with `to_pair`."""
        pairing = await self._access.pair(self._ask_for_pairing, name, on_number)
        # On the same connection: what waits is sent once both sides are proven.
        self._greeted(await self._access.greet(self._ask))
        return pairing

    async def _ask(self, method: str, params: Mapping[str, Any]) -> Any:
        return await self.call(method, **params)

    async def _ask_for_pairing(self, method: str, params: Mapping[str, Any]) -> Any:
        call = self._new_call(method, dict(params), None)
        call.timeout_s = _PAIRING_S
        self._start(call)
        return await call.answer

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
        answer = await self.call("events.subscribe", **given(topics=topics, since_seq=since))
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
            if self.state == "open" and not self._may_send(call):
                call.answer.set_exception(self._unpaired(call))
                return
            self._calls[call] = None
            if self.state == "open":
                self._send(call)
            else:
                self._arm(call, self._unsent_timeout_s, lambda: self._give_up_unsent(call))

    def _may_send(self, call: _Call) -> bool:
        return self.access != "unpaired" or call.method in STRANGERS_METHODS

    def _unpaired(self, call: _Call) -> PairingRequired:
        return pairing_required(self.unpaired_why, idempotency_key=call.key)

    def _give_up_unsent(self, call: _Call) -> None:
        fields = given(idempotency_key=call.key)
        self._settle(call, ConnectionLost("The payment host cannot be reached. Nothing was sent.", fields))

    def _send(self, call: _Call) -> None:
        self._disarm(call)
        call.id, self._next_id = self._next_id, self._next_id + 1
        call.sends += 1
        self._by_id[call.id] = call
        if call.key is None:
            late = NoAnswer("The payment host did not answer.")
            timeout_s = self._answer_timeout_s if call.timeout_s is None else call.timeout_s
            self._arm(call, timeout_s, lambda: self._settle(call, late))
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
            error = no_longer_told(call.key, error)
        self._settle(call, error)

    def _notified(self, method: str, params: Mapping[str, Any]) -> None:
        if method == "payment.progress":
            self._progressed(params)
        elif method == "payment.prompt":
            self._prompted(params)
        elif method == "session.ended":
            why = str(params.get("why", "unpaired"))
            self.access, self.unpaired_why = "unpaired", why
            self._end(pairing_required(why, str(params.get("message", "The operator ended this register's pairing."))))
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
            reason, at_least_s = await self._connect_once()
            if self.state == "closed":
                return
            if not self._was_open and not self._patient:
                why = f": {reason}" if reason else ""
                self._end(ConnectionLost(f"The payment host cannot be reached at {self.url}{why}. Nothing was sent."))
                return
            wait_s = max(self._backoff(), at_least_s)
            self._attempt += 1
            self._change("reconnecting", {"attempt": self._attempt, "retry_in_s": wait_s, "reason": reason})
            await self._sleep(wait_s)

    async def _connect_once(self) -> tuple[str, float]:
        """Serves one connection to its end; says why it ended, and how long to stay away."""
        try:
            socket = await self._access.open(self._hello_timeout_s)
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
            return str(error) or type(error).__name__, 0.0
        except PayhalError as error:
            self._end(error)
            return str(error), 0.0
        try:
            async with asyncio.timeout(self._hello_timeout_s):
                greeting = await self._access.greet(lambda method, params: self._ask_first(socket, method, params))
            if greeting.state == "unpaired" and not self._to_pair:
                self.access, self.unpaired_why = greeting.state, greeting.why
                raise pairing_required(greeting.why)
            self._socket = socket
            self._greeted(greeting)
            while self.state != "closed":
                self._received(await socket.recv())
            return "", 0.0
        except (ConnectionClosed, TimeoutError) as error:
            return str(error) or type(error).__name__, 0.0
        except _REFUSED_FOR_NOW as error:
            return str(error), _DOOR_RETRY_S if error.retry_after_ms is None else error.retry_after_ms / 1000
        except Exception as error:
            # A host that refuses the greeting will refuse it again; so will a key that cannot be read.
            self._end(error if isinstance(error, PayhalError) else unusable(error))
            return str(error), 0.0
        finally:
            self._socket = None
            self._lost()
            await socket.close()

    async def _ask_first(self, socket: ClientConnection, method: str, params: Mapping[str, Any]) -> Any:
        """A call before the connection is open for others."""
        own, self._next_id = self._next_id, self._next_id + 1
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": own, "method": method, "params": params}))
        while True:
            message = json.loads(await socket.recv())
            if message.get("id") == own and "method" not in message:
                break
        if "error" in message:
            raise error_from(message["error"])
        return message["result"]

    def _greeted(self, greeting: Greeting) -> None:
        self.host, self.access, self.unpaired_why = greeting.host, greeting.state, greeting.why
        self.permissions, self.limits = greeting.permissions, greeting.limits
        self._attempt = 0
        reconnected, self._was_open = self._was_open, True
        self._change("open", {"host": self.host, "access": self.access, "reconnected": reconnected})
        if not self._ready.done():
            self._ready.set_result(None)
        if greeting.state == "unpaired":
            self._refuse_unpaired()
            return
        if greeting.rotate:
            self._spawn(self._quiet(self._access.rotate(self._ask)))
        if self._subscribed is not None:
            self._spawn(self._quiet(self._subscribe_now()))
        for call in list(self._calls):
            if call.id is None and (call.timer is None or call.sends == 0):
                self._send(call)

    def _refuse_unpaired(self) -> None:
        """Nothing waits for a host that has proven nothing: what was sent before is unknown."""
        for call in list(self._calls):
            if not self._may_send(call):
                error = self._unpaired(call)
                self._settle(call, error if call.sends == 0 else no_longer_told(call.key, error))

    def _lost(self) -> None:
        self._by_id.clear()
        for news in self._leases.lost():
            self._hear(LEASE_ENDED, news)
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
                    given(idempotency_key=call.key),
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


async def pair(url: str = DEFAULT_URL, *, name: str, on_number: OnNumber, **options: Any) -> Pairing:
    """Pairs this register, called `name`, with the host at `url`. Needs `register_id` and `store`.

    `on_number` gets the six digits to show; the operator compares them and enters them at the host.
    Returns when that is done, the key is stored and both sides have proven it.
    """
    payhal = Payhal(url, to_pair=True, **options)
    try:
        await payhal.ready()
        return await payhal.pair(name, on_number)
    finally:
        await payhal.close()


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
    fields = {"outcome": "cancelled", "retry": "new_key", **given(idempotency_key=call.key)}
    return Cancelled("Cancelled before anything was sent.", fields)
