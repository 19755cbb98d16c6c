# SPDX-License-Identifier: MIT OR Apache-2.0
"""Keys of attempts to move money. Never makes the same one twice."""

import secrets
import time
import uuid


def new_key() -> str:
    """A key for one attempt: a UUID of version 7 (RFC 9562, section 5.7).

    It carries the time it was made at, in milliseconds. That is how a host whose journal was
    restored from a backup knows that it may have forgotten the key.
    """
    at = (time.time_ns() // 1_000_000) & ((1 << 48) - 1)
    value = at << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))
