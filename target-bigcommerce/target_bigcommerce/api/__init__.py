"""What BigCommerce is asked and what it answers."""
