# SPDX-License-Identifier: MIT OR Apache-2.0
"""The register's own list of payments it has not seen the end of: what it asks about after a restart.

It must never forget a key whose outcome is unknown.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

RecoveredOutcome = Literal["approved", "declined", "cancelled", "failed", "unknown", "running"]


class Journal(Protocol):
    """Where a register keeps the keys of payments under way. A row beside the order in its own database is best."""

    def remember(self, key: str, method: str) -> None:
        """Called before anything is sent; what it raises stops the call."""

    def forget(self, key: str) -> None:
        """Called when the outcome is known, never while it is unknown."""

    def pending(self) -> Iterable[str]:
        """The keys that were remembered and not forgotten."""


class JournalFile:
    """One line of JSON for each key remembered or forgotten; rewritten when it is opened."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        kept = self._read()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}.new")
        self._write(fresh, "".join(map(_line, kept.values())), "w")
        os.replace(fresh, self.path)

    # Each line begins on its own, whatever a full disk left of the one before.

    def remember(self, key: str, method: str) -> None:
        self._write(self.path, "\n" + _line({"key": key, "method": method}), "a")

    def forget(self, key: str) -> None:
        self._write(self.path, "\n" + _line({"key": key, "ended": True}), "a")

    def pending(self) -> list[str]:
        return list(self._read())

    def _read(self) -> dict[str, dict[str, Any]]:
        kept: dict[str, dict[str, Any]] = {}
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return kept
        for line in filter(None, text.split("\n")):
            try:
                entry = json.loads(line)
            except ValueError:
                # Cut off by a full disk or a crash, so nothing was sent for it.
                continue
            if entry.get("ended"):
                kept.pop(entry["key"], None)
            else:
                kept[entry["key"]] = entry
        return kept

    @staticmethod
    def _write(path: Path, text: str, mode: str) -> None:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry) + "\n"


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What became of one payment."""

    key: str
    outcome: RecoveredOutcome
    money_moved: Literal["yes", "no", "unknown", "reversing"]
    never_sent: bool = False
    """It never reached the host: no money moved, and a new attempt may be made."""
    transaction: Mapping[str, Any] | None = None

    @property
    def settled(self) -> bool:
        """False while it runs or nobody knows: take no other money, ask again."""
        return self.outcome not in ("running", "unknown")


# An offline approval is kept by the host and sent in later; for the register it is paid.
_WORDS: dict[str, RecoveredOutcome] = {
    "approved": "approved", "accepted_offline": "approved", "declined": "declined", "cancelled": "cancelled", "failed": "failed",
    "running": "running",
}


def recovered(key: str, view: Mapping[str, Any]) -> Recovered:
    """Reads a transaction. What this version does not know is unknown, never failed."""
    moved = view["money_moved"]
    outcome = _WORDS.get(view["outcome"], "unknown")
    if moved == "unknown" and outcome != "running":
        outcome = "unknown"
    return Recovered(key=key, outcome=outcome, money_moved=moved, transaction=view)
