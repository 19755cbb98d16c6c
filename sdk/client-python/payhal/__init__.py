# SPDX-License-Identifier: MIT OR Apache-2.0
"""Card payments through the payhal host on this machine."""

from . import errors
from .client import DEFAULT_URL, Payhal, connect, pair
from .errors import *  # noqa: F403 - every exception is part of the package's surface
from .errors import error_from
from .journal import Journal, JournalFile, Recovered
from .keys import new_key
from .messages import Amount, Approved, Event, Progress, Prompt
from .money import MoneyCall, OnKey, OnProgress, OnPrompt
from .pairing import Pairing, PairingFile, PairingStore

__all__ = [
    "DEFAULT_URL", "Amount", "Approved", "Event", "Journal", "JournalFile", "MoneyCall", "OnKey", "OnProgress", "OnPrompt",
    "Pairing", "PairingFile", "PairingStore", "Payhal", "Progress", "Prompt", "Recovered", "connect", "error_from", "errors", "new_key", "pair",
    *(kind.__name__ for kind in errors.PayhalError.__subclasses__()), "PayhalError",
]
