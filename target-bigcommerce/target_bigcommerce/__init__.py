"""A Singer target for BigCommerce customers and customer attributes."""
