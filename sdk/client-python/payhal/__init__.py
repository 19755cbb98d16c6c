# SPDX-License-Identifier: MIT OR Apache-2.0
"""Card payments through the payhal host on this machine."""

from . import errors
from .attempts import AttemptFile, Attempts, Recovered
from .client import DEFAULT_URL, Payhal, connect
from .errors import *  # noqa: F403 - every exception is part of the package's surface
from .errors import error_from
from .keys import new_key
from .messages import Amount, Approved, Event, Progress, Prompt
from .money import MoneyCall
from .pairing import KeyFile, KeyStore, Pairing

__all__ = [
    "DEFAULT_URL", "Amount", "Approved", "AttemptFile", "Attempts", "Event", "KeyFile", "KeyStore", "MoneyCall", "Pairing", "Payhal",
    "Progress", "Prompt", "Recovered", "connect", "error_from", "errors", "new_key",
    *(kind.__name__ for kind in errors.PayhalError.__subclasses__()), "PayhalError",
]
