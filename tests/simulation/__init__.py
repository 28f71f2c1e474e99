"""Runs the target against the sandbox store in virtual time, driven by a seed."""
