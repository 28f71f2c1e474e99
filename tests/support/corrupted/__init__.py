"""A Lytics server whose responses are corrupted in every way."""

from .checks import JOBS, Jobs
from .server import (
    ALWAYS,
    CORRUPTIONS,
    REQUEST_KINDS,
    CannedResponses,
    CorruptedLytics,
    Corruption,
)

__all__ = [
    "ALWAYS",
    "CORRUPTIONS",
    "JOBS",
    "REQUEST_KINDS",
    "CannedResponses",
    "CorruptedLytics",
    "Corruption",
    "Jobs",
]
