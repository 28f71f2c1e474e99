"""Long runs of both plugins on bad days: `make chaos`, `make soak`, `make load`."""
