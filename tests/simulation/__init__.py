"""Runs both plugins against the sandbox in virtual time, driven by a seed."""
