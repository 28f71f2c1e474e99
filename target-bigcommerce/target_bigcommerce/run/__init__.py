"""What lasts as long as a run: its figures, files and end."""
