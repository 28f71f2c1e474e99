"""Runs the tap against the sandbox's Lytics in virtual time, driven by a seed."""
