"""BigCommerce's Customers V3 API."""
