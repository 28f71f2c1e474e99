"""From a record to what it wants of its customer."""
