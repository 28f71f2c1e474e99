"""Recorded behaviour of both plugins, run as processes against a sandbox process.

A scenario runs the executables with all clocks stopped and records stdout of the tap,
STATE and rejects of the target, the store, requests, exit statuses, files, and the
number of log lines per level. `python -m scenarios compare` prints differences from the
recorded behaviour and exits with 1 if there are any.

Nothing here imports a plugin or the sandbox; they run as commands, so that any versions
of them can be combined.
"""
