"""What the documents repeat from the code: written by `make docs`, held by a test."""
