# SPDX-License-Identifier: MIT OR Apache-2.0
"""Card payments through the payhal host on this machine."""

from . import errors
from .client import DEFAULT_URL, MoneyCall, Payhal, connect
from .errors import *  # noqa: F403 - every exception is part of the package's surface
from .errors import error_from
from .keys import new_key
from .messages import Amount, Approved, Event, Progress, Prompt

__all__ = [
    "DEFAULT_URL", "Amount", "Approved", "Event", "MoneyCall", "Payhal", "Progress", "Prompt", "connect", "error_from", "errors", "new_key",
    *(kind.__name__ for kind in errors.PayhalError.__subclasses__()), "PayhalError",
]
