"""What tap-lytics and target-bigcommerce share as Singer plugins."""
