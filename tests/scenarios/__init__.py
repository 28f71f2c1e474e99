"""Recorded behaviour of both plugins, as processes against a sandbox process.

A scenario runs the executables with a still clock on both sides, and observes them
from outside: stdout of the tap, STATE and rejects of the target, the store, requests,
exit statuses, files, and the number of log lines per level. `python -m scenarios
compare` prints what differs from the recorded behaviour and exits with 1.

Nothing here imports a plugin or the sandbox: they are commands, so that any version of
one can run with any version of the other.
"""
