"""Inputs that once broke something, a file each, and what is expected of them now."""
