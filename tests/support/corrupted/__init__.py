"""A Lytics whose answers go wrong in every way that an answer can."""

from .jobs import Jobs
from .plans import KINDS, WAYS, Spoil
from .server import GarbledLytics

__all__ = ["KINDS", "WAYS", "GarbledLytics", "Jobs", "Spoil"]
