"""A Singer tap for Lytics audiences."""
