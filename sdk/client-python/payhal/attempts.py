# SPDX-License-Identifier: MIT OR Apache-2.0
"""Keys of attempts that have no known end yet: what a register asks about after a restart.

It must never forget a key whose outcome is unknown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

RecoveredOutcome = Literal["approved", "declined", "cancelled", "failed", "unknown", "running", "not_found"]


class Attempts(Protocol):
    """Where a register keeps the keys of its attempts. A row beside the order in its own database is best."""

    def begin(self, key: str) -> None:
        """Called before anything is sent; what it raises stops the call."""

    def end(self, key: str) -> None:
        """Called when the outcome is known, never while it is unknown."""

    def open(self) -> Iterable[str]:
        """The keys that began and did not end."""


class AttemptFile:
    """One line a beginning (`+key`) or an end (`-key`); rewritten when it is opened."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        keys = self.open()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}.new")
        self._append(fresh, "".join(f"+{key}\n" for key in keys), "w")
        os.replace(fresh, self.path)

    # Each line begins on its own, whatever a full disk left of the one before.

    def begin(self, key: str) -> None:
        self._append(self.path, f"\n+{key}\n", "a")

    def end(self, key: str) -> None:
        self._append(self.path, f"\n-{key}\n", "a")

    def open(self) -> list[str]:
        keys: dict[str, None] = {}
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        # Without its line break the last line was cut off by a crash, and nothing was sent for it.
        for line in text.split("\n")[:-1]:
            if line.startswith("+"):
                keys[line[1:]] = None
            elif line.startswith("-"):
                keys.pop(line[1:], None)
        return list(keys)

    @staticmethod
    def _append(path: Path, text: str, mode: str) -> None:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What became of one attempt."""

    key: str
    outcome: RecoveredOutcome
    money_moved: Literal["yes", "no", "unknown", "reversing"]
    transaction: Mapping[str, Any] | None

    @property
    def settled(self) -> bool:
        """False while it runs or nobody knows: take no other money, ask again."""
        return self.outcome not in ("running", "unknown")
