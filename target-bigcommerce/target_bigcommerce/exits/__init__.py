"""Members who left: who they are, and whether their values are cleared."""
