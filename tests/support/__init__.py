"""Code that tests share, imported by name: `from support.plugins import run_tap`."""
