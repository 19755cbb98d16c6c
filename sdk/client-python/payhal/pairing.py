# SPDX-License-Identifier: MIT OR Apache-2.0
"""A register's pairing with its host, and where it is kept.

It must never show the secret: not in `repr`, not in an error, and in a file only its owner reads.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .proofs import b64, key_id_of, unb64

_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """What a register keeps of its pairing."""

    host_id: str
    host_name: str
    register_id: str
    secret: bytes = field(repr=False)
    previous: bytes | None = field(default=None, repr=False)
    """The secret before a rotation, until the new one was proven."""

    @property
    def key_id(self) -> str:
        return key_id_of(self.secret)


class PairingStore(Protocol):
    """Where a register keeps its pairing. Anything with these two will do: a file, a keyring, a vault."""

    def load(self) -> Pairing | None: ...

    def save(self, pairing: Pairing) -> None: ...


class PairingFile:
    """A file that only its owner may read (mode 0600), replaced as a whole."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def load(self) -> Pairing | None:
        try:
            file = self.path.open(encoding="utf-8")
        except FileNotFoundError:
            return None
        with file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                raise PermissionError(f"others may read the pairing in {self.path}: pair anew, then keep it at mode 0600")
            return _read(file.read(), self.path)

    def save(self, pairing: Pairing) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes the file with mode 0600.
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json.dumps(_written(pairing), indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(self.path.parent)


def _written(pairing: Pairing) -> dict[str, Any]:
    previous = {} if pairing.previous is None else {"previous": b64(pairing.previous)}
    return {
        "version": _VERSION, "host_id": pairing.host_id, "host_name": pairing.host_name, "register_id": pairing.register_id,
        "key_id": pairing.key_id, "secret": b64(pairing.secret), **previous,
    }


def _read(text: str, path: Path) -> Pairing:
    # What is wrong is not repeated: it may be a secret.
    try:
        kept = json.loads(text)
        pairing = Pairing(
            host_id=str(kept["host_id"]), host_name=str(kept["host_name"]), register_id=str(kept["register_id"]),
            secret=unb64(kept["secret"]), previous=unb64(kept["previous"]) if "previous" in kept else None,
        )
        good = kept["version"] == _VERSION and len(pairing.secret) == 32
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise ValueError(f"{path} is not a pairing of this version: delete it and pair anew") from None
    return pairing


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
