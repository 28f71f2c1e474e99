"""Code shared by tap-lytics and target-bigcommerce."""
