"""Dependencies held to what the lock and the documents say of them: `make audit`."""
