"""Makes time and randomness of a plugin's process deterministic.

Its clock stands where the sandbox's does, given as STILL_CLOCK in seconds since 1970,
and back-off with jitter waits for no time. A wait that a vendor asks for is kept.
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
    """Stand in for `datetime.now`."""
    return cls.fromtimestamp(NOW, tz)


# A built-in type takes no attributes; a subclass in its place would not be the type
# that C extensions look for.
[methods] = gc.get_referents(datetime.__dict__)
methods["now"] = classmethod(now)
ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))

time.time = lambda: NOW
random.random = lambda: 0.0
random.uniform = lambda a, b: min([a, b])
