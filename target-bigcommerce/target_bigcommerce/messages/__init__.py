"""Singer messages coming in, and STATE going out."""
