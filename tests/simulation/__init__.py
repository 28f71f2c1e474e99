"""The whole target against the whole store: seeded, in virtual time, in one process."""
