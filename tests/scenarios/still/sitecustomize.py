"""Makes time and randomness of a plugin's process deterministic.

The clock is stopped at the sandbox's time, given as STILL_CLOCK in seconds since 1970.
Backoff with jitter takes no time; waits that a vendor asks for are kept.
"""

from __future__ import annotations

import ctypes
import gc
import os
import random
import time
from datetime import datetime, tzinfo

NOW = float(os.environ["STILL_CLOCK"])


def now(cls: type[datetime], tz: tzinfo | None = None) -> datetime:
    """Replace `datetime.now`."""
    return cls.fromtimestamp(NOW, tz)


# Attributes of a built-in type cannot be set, and C extensions would not accept a
# subclass in its place.
[methods] = gc.get_referents(datetime.__dict__)
methods["now"] = classmethod(now)
ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))

time.time = lambda: NOW
random.random = lambda: 0.0
random.uniform = lambda a, b: min([a, b])
