"""Runs the target against the sandbox store, and the tap against its Lytics, in virtual
time and driven by a seed.
"""
