"""The store's request quota: when a call may start."""
